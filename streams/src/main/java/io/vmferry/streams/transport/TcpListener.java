package io.vmferry.streams.transport;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** A listener on a TCP port. */
final class TcpListener implements Listener {
  // Additional connections of one migration may all come at once.
  private static final int BACKLOG = 128;

  private final ServerSocketChannel channel;
  private final MigrationUrl url;
  private final @Nullable TlsIdentity tls;

  private TcpListener(ServerSocketChannel channel, MigrationUrl url, @Nullable TlsIdentity tls) {
    this.channel = channel;
    this.url = url;
    this.tls = tls;
  }

  static TcpListener bind(MigrationUrl.Tcp url, @Nullable TlsIdentity tls) throws IOException {
    InetAddress host = Hosts.resolve(url)[0];
    ServerSocketChannel channel = ServerSocketChannel.open();
    try {
      channel.bind(new InetSocketAddress(host, url.port()), BACKLOG);
      InetSocketAddress actual = (InetSocketAddress) channel.getLocalAddress();
      return new TcpListener(channel, new MigrationUrl.Tcp(url.host(), actual.getPort()), tls);
    } catch (SocketException e) {
      channel.close();
      throw new TransportException("Cannot listen on " + url + ": " + reason(e), e);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static String reason(SocketException e) {
    String text = String.valueOf(e.getMessage());
    if (e instanceof BindException && text.contains("in use")) {
      return "the port is in use; choose another one or stop the process that listens there";
    }
    if (e instanceof BindException && text.contains("assign requested address")) {
      return "the address is not one of this machine's; use 0.0.0.0 to listen on all of them";
    }
    if (text.contains("Permission denied")) {
      return "ports below 1024 need more privileges; choose a higher one";
    }
    return text;
  }

  @Override
  public Connection accept() throws IOException {
    SocketChannel accepted;
    try {
      accepted = channel.accept();
    } catch (ClosedChannelException e) {
      throw new TransportException("The listener on " + url + " was closed", e);
    }
    return TcpConnection.of(accepted, tls == null ? null : tls.engine());
  }

  @Override
  public MigrationUrl url() {
    return url;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // Linux frees the descriptor even when close reports an error; there is nothing to do.
    }
  }
}
