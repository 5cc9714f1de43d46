package io.vmferry.streams.transport;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.socket.UnixConnection;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/** Opens connections to a {@link MigrationUrl}. */
public final class Connector {
  private Connector() {}

  /**
   * Connects without TLS.
   *
   * @throws IOException as {@link #connect(MigrationUrl, TlsIdentity, Duration)}
   */
  public static Connection connect(MigrationUrl url, Duration timeout) throws IOException {
    return connect(url, null, timeout);
  }

  /**
   * Connects, trying every address of the host within the timeout. An interrupt ends it.
   *
   * @param tls this host as a client, to prove itself and check the peer; null for no TLS
   * @param timeout for all addresses together, and again for TLS's handshake, more than zero
   * @throws TransportException with one sentence for the user: the host is unknown, nobody listens,
   *     no answer in time, the certificates do not fit; or TLS was wanted on a UNIX socket
   * @throws PeerStalledException if the handshake was not answered in time
   */
  public static Connection connect(MigrationUrl url, @Nullable TlsIdentity tls, Duration timeout)
      throws IOException {
    if (timeout.isZero() || timeout.isNegative()) {
      throw new IllegalArgumentException("connect timeout " + timeout + " is not positive");
    }
    if (url instanceof MigrationUrl.Tcp tcp) {
      SSLEngine engine = tls == null ? null : tls.engine(tcp.host(), tcp.port());
      Connection connection = TcpConnection.of(tcp(tcp, timeout), engine);
      connection.handshake(timeout);
      return connection;
    }
    if (tls != null) {
      throw new TransportException("TLS is for TCP only, not for " + url, null);
    }
    return local((MigrationUrl.Unix) url);
  }

  // The kernel accepts at once or, with a full backlog, when the listener does: no timeout needed.
  private static Connection local(MigrationUrl.Unix url) throws IOException {
    try {
      return LocalConnection.of(UnixConnection.connect(url.path()));
    } catch (SyscallException e) {
      String reason =
          switch (e.errno()) {
            case Errno.ENOENT -> "there is no such socket; start the destination first";
            case Errno.ECONNREFUSED -> "nobody listens there any more; start the destination first";
            case Errno.EACCES -> "no permission to use the socket";
            default -> String.valueOf(e.getMessage());
          };
      throw new PeerUnreachableException("Cannot connect to " + url + ": " + reason, e);
    }
  }

  private static SocketChannel tcp(MigrationUrl.Tcp url, Duration timeout) throws IOException {
    if (url.port() == 0) {
      throw new PeerUnreachableException(
          "Cannot connect to " + url + ": port 0 is for listening only", null);
    }
    InetAddress[] hosts = Hosts.resolve(url);
    long start = System.nanoTime();
    PeerUnreachableException failure = null;
    for (int i = 0; i < hosts.length; i++) {
      long leftMillis = timeout.toMillis() - (System.nanoTime() - start) / 1_000_000;
      // Every address gets its share of what is left, so that one silent address does not eat it
      // all.
      long shareMillis = Math.max(1, leftMillis / (hosts.length - i));
      try {
        return open(new InetSocketAddress(hosts[i], url.port()), shareMillis);
      } catch (ClosedByInterruptException e) {
        throw new TransportException("Connecting to " + url + " was interrupted", e);
      } catch (IOException e) {
        PeerUnreachableException next = explained(url, timeout, e);
        if (failure != null) {
          next.addSuppressed(failure);
        }
        failure = next;
      }
    }
    throw failure == null
        ? new PeerUnreachableException("Cannot connect to " + url, null)
        : failure;
  }

  private static SocketChannel open(InetSocketAddress address, long timeoutMillis)
      throws IOException {
    SocketChannel channel = SocketChannel.open();
    try {
      // The adaptor's connect takes a timeout and leaves the channel blocking.
      channel.socket().connect(address, (int) Math.min(Integer.MAX_VALUE, timeoutMillis));
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static PeerUnreachableException explained(
      MigrationUrl url, Duration timeout, IOException e) {
    String reason;
    if (e instanceof SocketTimeoutException) {
      reason =
          "no answer within " + timeout.toNanos() / 1e9 + " s; check the address and the firewall";
    } else if (e instanceof NoRouteToHostException) {
      reason = "there is no route to the host";
    } else if (e instanceof ConnectException
        && String.valueOf(e.getMessage()).contains("refused")) {
      reason = "nobody listens there (connection refused); start the destination first";
    } else {
      reason = String.valueOf(e.getMessage());
    }
    return new PeerUnreachableException("Cannot connect to " + url + ": " + reason, e);
  }
}
