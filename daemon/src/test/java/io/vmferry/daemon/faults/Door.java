package io.vmferry.daemon.faults;

import io.vmferry.kvm.socket.UnixListener;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;

/** Where the proxy lets the source in. */
interface Door extends Closeable {
  /** What the source is to dial. */
  String url();

  /** Waits for the next connection. */
  Endpoint accept() throws IOException;

  /** A door of the same kind of address as the destination's. */
  static Door like(MigrationUrl target) throws IOException {
    if (target instanceof MigrationUrl.Unix unix) {
      return new UnixDoor(UnixListener.bind(Path.of(unix.path() + "-proxy")));
    }
    return new TcpDoor(
        ServerSocketChannel.open()
            .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));
  }

  /** On loopback. */
  record TcpDoor(ServerSocketChannel listener) implements Door {
    @Override
    public String url() {
      return "tcp:127.0.0.1:" + listener.socket().getLocalPort();
    }

    @Override
    public Endpoint accept() throws IOException {
      return Endpoint.OverTcp.of(listener.accept());
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }

  /** Beside the destination's socket. */
  record UnixDoor(UnixListener listener) implements Door {
    @Override
    public String url() {
      return "unix:" + listener.path();
    }

    @Override
    public Endpoint accept() throws IOException {
      return new Endpoint.OverUnix(listener.accept());
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }
}
