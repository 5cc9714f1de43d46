package io.vmferry.daemon.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * Carries connections from one address to another. A node in a network namespace keeps its routes
 * on the namespace's loopback; a UNIX socket, which namespaces do not separate, leads there: one
 * relay in the namespace, one outside.
 */
final class Relay implements AutoCloseable {
  private static final int BUFFER_BYTES = 64 << 10;

  private final ServerSocketChannel listener;
  private final SocketAddress target;

  private Relay(ServerSocketChannel listener, SocketAddress target) {
    this.listener = listener;
    this.target = target;
  }

  /** Listens at a socket file and connects to a port of this namespace's loopback. */
  static Relay intoLoopback(Path socket, int port) throws IOException {
    SocketAddress target = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    return start(UnixDomainSocketAddress.of(socket), target);
  }

  /** Listens at a free port of loopback and connects to a socket file. */
  static Relay ontoLoopback(Path socket) throws IOException {
    SocketAddress here = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return start(here, UnixDomainSocketAddress.of(socket));
  }

  private static Relay start(SocketAddress listen, SocketAddress target) throws IOException {
    ServerSocketChannel listener =
        listen instanceof UnixDomainSocketAddress
            ? ServerSocketChannel.open(StandardProtocolFamily.UNIX)
            : ServerSocketChannel.open();
    listener.bind(listen);
    Relay relay = new Relay(listener, target);
    relay.thread(relay::acceptAll, "accept");
    return relay;
  }

  /** The port it listens at. */
  int port() throws IOException {
    return ((InetSocketAddress) listener.getLocalAddress()).getPort();
  }

  private void acceptAll() {
    while (true) {
      try {
        SocketChannel from = listener.accept();
        thread(() -> serve(from), "connect");
      } catch (IOException e) {
        return; // Closed.
      }
    }
  }

  private void serve(SocketChannel from) {
    try {
      SocketChannel to = SocketChannel.open(target);
      thread(() -> pump(to, from), "answer");
      pump(from, to);
    } catch (IOException e) {
      close(from);
    }
  }

  /** Ends both directions with this one: HTTP/1.1 connections are not half closed. */
  private static void pump(SocketChannel from, SocketChannel to) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    try {
      while (from.read(buffer.clear()) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          to.write(buffer);
        }
      }
    } catch (IOException e) {
      // As good as its end.
    }
    close(from);
    close(to);
  }

  private void thread(Runnable work, String name) {
    Thread thread = new Thread(work, "relay-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  private static void close(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // Nothing is lost with it.
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      // Linux frees the descriptor even when close reports an error.
    }
  }
}
