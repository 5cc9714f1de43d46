package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;

/**
 * Which protocol versions a destination accepts: its own and the one before.
 *
 * <p>Source: docs/protocol.md#versions.
 */
public final class VersionCheck {
  private VersionCheck() {}

  /** The oldest version that is still accepted. */
  public static int oldest() {
    return Math.max(0, WireFormat.CURRENT_VERSION - 1);
  }

  /** Whether a sender of this version is accepted. */
  public static boolean accepts(int version) {
    return version >= oldest() && version <= WireFormat.CURRENT_VERSION;
  }

  /**
   * Checks the version in a Start.
   *
   * @throws ProtocolException if it is not accepted: answer with an error
   */
  public static void check(Request start) throws ProtocolException {
    if (start.command() != Command.START) {
      throw new IllegalArgumentException(start.command() + " carries no version");
    }
    if (!accepts(start.version())) {
      throw new ProtocolException(
          "protocol version "
              + (oldest() == WireFormat.CURRENT_VERSION ? "" : oldest() + " or ")
              + WireFormat.CURRENT_VERSION,
          "version " + start.version());
    }
  }
}
