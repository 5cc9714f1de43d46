package io.vmferry.streams.wire;

import io.vmferry.kvm.Gpa;
import java.io.IOException;

/** The peer answered a command with an error: it gives up, and says no more than that. */
public final class PeerRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Command command;

  /** A destination's refusal of that command. */
  public PeerRefusedException(Command command) {
    this(
        command,
        "The destination refused "
            + command
            + "; its log or its receive-migration command says why.");
  }

  private PeerRefusedException(Command command, String sentence) {
    super(sentence);
    this.command = command;
  }

  /** A source's refusal of a page that it was asked for. */
  public static PeerRefusedException ofPage(Gpa page) {
    return new PeerRefusedException(
        Command.PAGE_FAULT, "The source cannot bring the page at " + page + "; its log says why.");
  }

  /** What was refused. */
  public Command command() {
    return command;
  }
}
