package io.vmferry.streams.transport;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.socket.UnixListener;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;

/** A listener on a UNIX socket; the file is for its owner alone and goes when this closes. */
final class LocalListener implements Listener {
  private final UnixListener listener;
  private final MigrationUrl url;

  private LocalListener(UnixListener listener, MigrationUrl url) {
    this.listener = listener;
    this.url = url;
  }

  static LocalListener bind(MigrationUrl.Unix url) throws IOException {
    try {
      return new LocalListener(UnixListener.bind(url.path()), url);
    } catch (SyscallException e) {
      throw new TransportException("Cannot listen on " + url + ": " + reason(e), e);
    }
  }

  private static String reason(SyscallException e) {
    return switch (e.errno()) {
      case Errno.EADDRINUSE -> "the file exists and is in use; choose another path";
      case Errno.ENOENT -> "the directory does not exist";
      case Errno.EACCES, Errno.EPERM -> "no permission to make the socket file";
      default -> String.valueOf(e.getMessage());
    };
  }

  @Override
  public Connection accept() throws IOException {
    try {
      return LocalConnection.of(listener.accept());
    } catch (ClosedChannelException e) {
      throw new TransportException("The listener on " + url + " was closed", e);
    }
  }

  @Override
  public MigrationUrl url() {
    return url;
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      // The socket is closed; a file that could not be removed is stale and the next bind takes it.
    }
  }
}
