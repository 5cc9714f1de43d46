package io.vmferry.streams.transport;

import io.vmferry.kvm.OwnedFd;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.security.cert.X509Certificate;
import java.time.Duration;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLPeerUnverifiedException;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/**
 * A connection over TCP, plain or with TLS: a blocking NIO channel.
 *
 * <p>Keepalive finds a dead peer while nothing is under way: probes after 60 s, every 15 s, lost
 * after four. While bytes are unacknowledged the kernel sends no probes and would retry for some 15
 * minutes; TCP_USER_TIMEOUT, which shortens that, is not in the JDK and the descriptor of a channel
 * is out of reach, so a write that makes no progress for two minutes is ended by {@link StallWatch}
 * and whoever waits for an answer sets a read timeout.
 */
public final class TcpConnection extends ChannelConnection {
  private static final int KEEPALIVE_IDLE_SECONDS = 60;
  private static final int KEEPALIVE_INTERVAL_SECONDS = 15;
  private static final int KEEPALIVE_PROBES = 4;

  private final SocketChannel channel;
  private final @Nullable TlsChannel tls;

  private TcpConnection(SocketChannel channel, @Nullable TlsChannel tls, String ends) {
    super(
        tls == null ? ChannelIo.over(channel, "tcp " + ends) : ChannelIo.over(tls, "tls " + ends));
    this.channel = channel;
    this.tls = tls;
  }

  /**
   * Takes a connected, blocking channel over; closes it if that fails.
   *
   * @param engine for TLS, or null for none; {@link #handshake} comes first then
   * @throws IOException if the socket is broken already
   */
  static TcpConnection of(SocketChannel channel, @Nullable SSLEngine engine) throws IOException {
    try {
      channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, KEEPALIVE_INTERVAL_SECONDS);
      channel.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, KEEPALIVE_PROBES);
      return new TcpConnection(
          channel,
          engine == null ? null : new TlsChannel(channel, engine),
          text(channel.getLocalAddress()) + " to " + text(channel.getRemoteAddress()));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static String text(SocketAddress address) {
    if (!(address instanceof InetSocketAddress inet) || inet.getAddress() == null) {
      return String.valueOf(address);
    }
    String host = inet.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + inet.getPort();
  }

  @Override
  public void handshake(Duration timeout) throws IOException {
    TlsChannel secured = tls;
    if (secured == null) {
      return;
    }
    setReadTimeout(timeout);
    try {
      io.reading(
          () -> {
            secured.handshake();
            return secured;
          });
    } catch (IOException e) {
      close();
      throw e;
    }
    setReadTimeout(Duration.ZERO);
  }

  @Override
  public boolean mustHandshake() {
    return tls != null;
  }

  @Override
  public @Nullable X509Certificate peerCertificate() {
    try {
      return tls == null
          ? null
          : (X509Certificate) tls.engine().getSession().getPeerCertificates()[0];
    } catch (SSLPeerUnverifiedException e) {
      throw new IllegalStateException("no handshake yet", e);
    }
  }

  @Override
  public boolean passesDescriptors() {
    return false;
  }

  @Override
  public void sendWithFd(ByteBuffer from, OwnedFd fd) throws IOException {
    throw new TransportException(io.name() + ": TCP cannot pass file descriptors", null);
  }

  @Override
  public OwnedFd receiveWithFd(ByteBuffer into) throws IOException {
    throw new TransportException(io.name() + ": TCP cannot pass file descriptors", null);
  }

  @Override
  public void noDelay(boolean on) throws IOException {
    channel.setOption(StandardSocketOptions.TCP_NODELAY, on);
  }
}
