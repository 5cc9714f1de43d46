package io.vmferry.streams.wire;

import java.io.IOException;

/** The destination answered a command with an error: it gives up, and says no more than that. */
public final class PeerRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Command command;

  /** A refusal of that command. */
  public PeerRefusedException(Command command) {
    super(
        "The destination refused "
            + command
            + "; its log or its receive-migration command says why.");
    this.command = command;
  }

  /** What was refused. */
  public Command command() {
    return command;
  }
}
