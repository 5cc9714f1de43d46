package io.vmferry.daemon.offload;

import io.vmferry.streams.snapshot.FileLocks;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where a VMM connects to: a UNIX socket, or a TCP port. The lock of a socket, {@code S.lock}
 * beside {@code S}, is taken first, as Cloud Hypervisor's daemon takes it: a socket file that is
 * there then is of a daemon that has died, and listening replaces it.
 *
 * <p>The lock file stays, as theirs does; the socket file goes with this.
 */
public final class OffloadSocket implements AutoCloseable {
  private final @Nullable FileLocks lock;
  private final Listener listener;

  private OffloadSocket(@Nullable FileLocks lock, Listener listener) {
    this.lock = lock;
    this.listener = listener;
  }

  /**
   * Listens.
   *
   * @param tlsDirectory this host's TLS files as a server, for TCP; null for no TLS
   * @throws SnapshotException if another daemon has the socket
   * @throws IOException with one sentence for the user if there is nothing to listen at
   */
  public static OffloadSocket open(MigrationUrl url, @Nullable Path tlsDirectory)
      throws IOException {
    if (url instanceof MigrationUrl.Unix unix) {
      return open(unix.path());
    }
    TlsIdentity tls =
        tlsDirectory == null ? null : TlsIdentity.load(tlsDirectory, TlsIdentity.Side.SERVER);
    return new OffloadSocket(null, Listener.bind(url, tls));
  }

  private static OffloadSocket open(Path socket) throws IOException {
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

  /** Where the VMM comes; closed with this. */
  public Listener listener() {
    return listener;
  }

  @Override
  public void close() throws IOException {
    try (lock) {
      listener.close();
    }
  }
}
