package io.vmferry.actors.migration;

import io.vmferry.streams.wire.Command;
import java.io.IOException;

/** The destination answered a command with an error: it gives up, and says no more than that. */
final class PeerRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  PeerRefusedException(Command command) {
    super(
        "The destination refused "
            + command
            + "; its log or its receive-migration command says why.");
  }
}
