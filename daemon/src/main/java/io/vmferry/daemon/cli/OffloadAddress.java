package io.vmferry.daemon.cli;

import io.vmferry.streams.transport.MigrationUrl;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the other end of an offload command is: a UNIX socket of this host, or a TCP address. */
final class OffloadAddress {
  private OffloadAddress() {}

  /**
   * The address that is meant.
   *
   * @param socket what {@code --socket} says
   * @param tcp what the flag for TCP says
   * @param tcpFlag how that flag is called
   */
  static MigrationUrl of(@Nullable Path socket, @Nullable String tcp, String tcpFlag) {
    if (socket != null && tcp == null) {
      return new MigrationUrl.Unix(socket);
    }
    if (socket != null || tcp == null) {
      throw new CommandFailure(
          ExitCodes.USAGE,
          "Say where the VMM is: --socket SOCKET, or " + tcpFlag + " tcp:HOST:PORT");
    }
    if (!(MigrationUrl.parse(tcp) instanceof MigrationUrl.Tcp url)) {
      throw new CommandFailure(ExitCodes.USAGE, tcpFlag + " takes tcp:HOST:PORT, not " + tcp);
    }
    return url;
  }
}
