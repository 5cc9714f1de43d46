package io.vmferry.daemon.faults;

import io.vmferry.streams.wire.Command;
import org.jspecify.annotations.Nullable;

/**
 * A kind of message: a role header, a request or the answer to one.
 *
 * @param command of the request, or of the one that is answered; null for a role header
 */
record MessageKind(Carrier carrier, @Nullable Command command, boolean answer) {
  static MessageKind role(Carrier carrier) {
    return new MessageKind(carrier, null, false);
  }

  static MessageKind request(Carrier carrier, Command command) {
    return new MessageKind(carrier, command, false);
  }

  static MessageKind answer(Carrier carrier, Command command) {
    return new MessageKind(carrier, command, true);
  }

  /** The side that sends it. */
  Side sender() {
    return carrier.asks(Side.SOURCE) != answer || command == null ? Side.SOURCE : Side.DESTINATION;
  }

  @Override
  public String toString() {
    String what = command == null ? "role" : command + (answer ? " answer" : "");
    return carrier.name().toLowerCase(java.util.Locale.ROOT) + " " + what;
  }
}
