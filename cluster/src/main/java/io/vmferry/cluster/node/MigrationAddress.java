package io.vmferry.cluster.node;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;

/** Where a node listens for a migration, and what it tells others to dial. */
final class MigrationAddress {
  private final ClusterSettings settings;

  MigrationAddress(ClusterSettings settings) {
    this.settings = settings;
  }

  /**
   * A fresh address to listen at: a free TCP port, or a new socket file for a local migration.
   *
   * @throws IOException with one sentence for the user if the run directory cannot be used
   * @throws IllegalArgumentException if its path is too long for a socket, or the host is empty
   */
  String listen(MemoryMode mode) throws IOException {
    if (mode != MemoryMode.LOCAL) {
      return new MigrationUrl.Tcp(settings.migrationBindHost(), 0).toString();
    }
    Path directory = settings.runDirectory().toAbsolutePath();
    String name = "migration-" + UUID.randomUUID().toString().substring(0, 8) + ".sock";
    Path socket = directory.resolve(name);
    if (!Files.isDirectory(directory)) {
      try {
        // Only this user: whoever can connect is handed the guest's memory or may offer one.
        Files.createDirectories(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      } catch (IOException e) {
        throw new IOException("The node's run directory for sockets cannot be made.", e);
      }
    }
    return new MigrationUrl.Unix(socket).toString();
  }

  /** What other nodes dial, given the address that was bound. */
  String advertised(String boundUrl) {
    return MigrationUrl.parse(boundUrl) instanceof MigrationUrl.Tcp tcp
        ? new MigrationUrl.Tcp(settings.migrationHost(), tcp.port()).toString()
        : boundUrl;
  }
}
