package io.vmferry.daemon.cli;

import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A name for a socket between a command and a node of the same host, in a directory that only this
 * user can enter; both are gone with it, and when the command is interrupted.
 */
final class PrivateSocket implements AutoCloseable {
  private final Path directory;
  private final InterruptHook interrupt;

  private PrivateSocket(Path directory) {
    this.directory = directory;
    this.interrupt = InterruptHook.register("remove-socket", this::removeQuietly);
  }

  static PrivateSocket create() throws IOException {
    return new PrivateSocket(Files.createTempDirectory("vmferry-"));
  }

  MigrationUrl.Unix url() {
    return new MigrationUrl.Unix(directory.resolve("socket"));
  }

  @Override
  public void close() throws IOException {
    remove();
    interrupt.close();
  }

  private void removeQuietly() {
    try {
      remove();
    } catch (IOException e) {
      // Whoever interrupts a command is not told of a directory in the temporary ones.
    }
  }

  /** Both the command and the hook may come here, at the same time. */
  private synchronized void remove() throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (DirectoryStream<Path> left = Files.newDirectoryStream(directory)) {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(directory);
  }
}
