package io.vmferry.daemon.offload;

import io.vmferry.streams.snapshot.FileLocks;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The socket that a VMM connects to. Its lock, {@code S.lock} beside {@code S}, is taken first, as
 * Cloud Hypervisor's daemon takes it: a socket file that is there then is of a daemon that has
 * died, and listening replaces it.
 *
 * <p>The lock file stays, as theirs does; the socket file goes with this.
 */
public final class OffloadSocket implements AutoCloseable {
  private final FileLocks lock;
  private final Listener listener;

  private OffloadSocket(FileLocks lock, Listener listener) {
    this.lock = lock;
    this.listener = listener;
  }

  /**
   * Listens.
   *
   * @throws SnapshotException if another daemon has the socket
   * @throws IOException with one sentence for the user if the socket cannot be made
   */
  public static OffloadSocket open(Path socket) throws IOException {
    FileLocks lock = FileLocks.take(Path.of(socket + ".lock"));
    if (lock == null) {
      throw new SnapshotException("Another daemon serves " + socket + "; choose another socket.");
    }
    try {
      return new OffloadSocket(lock, Listener.bind(new MigrationUrl.Unix(socket)));
    } catch (IOException e) {
      lock.close();
      throw e;
    }
  }

  /** Waits for the VMM. */
  public Connection accept() throws IOException {
    return listener.accept();
  }

  @Override
  public void close() throws IOException {
    try (lock) {
      listener.close();
    }
  }
}
