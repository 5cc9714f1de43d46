package io.vmferry.daemon.cli;

import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A name for a socket between a command and a node of the same host, in a directory that only this
 * user can enter; both are gone with it.
 */
final class PrivateSocket implements AutoCloseable {
  private final Path directory;

  private PrivateSocket(Path directory) {
    this.directory = directory;
  }

  static PrivateSocket create() throws IOException {
    return new PrivateSocket(Files.createTempDirectory("vmferry-"));
  }

  MigrationUrl.Unix url() {
    return new MigrationUrl.Unix(directory.resolve("socket"));
  }

  @Override
  public void close() throws IOException {
    try (DirectoryStream<Path> left = Files.newDirectoryStream(directory)) {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(directory);
  }
}
