package io.vmferry.streams.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A peer that waits on loopback, sends what it likes to whoever comes, says that nothing more
 * comes, and takes whatever is sent to it.
 */
public final class HostileServer implements AutoCloseable {
  private final ServerSocketChannel listener;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "hostile");
            thread.setDaemon(true);
            return thread;
          });
  private volatile byte[] answer = {};

  /** Listens at once. */
  public HostileServer() throws IOException {
    listener =
        ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    threads.execute(this::acceptAll);
  }

  /** Where. */
  public int port() throws IOException {
    return ((InetSocketAddress) listener.getLocalAddress()).getPort();
  }

  /** What everybody gets from here on. */
  public void answer(byte[] bytes) {
    answer = bytes;
  }

  private void acceptAll() {
    try {
      while (listener.isOpen()) {
        SocketChannel peer = listener.accept();
        byte[] bytes = answer;
        threads.execute(() -> converse(peer, bytes));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  /** Talks with one peer until it closes. */
  public static void converse(SocketChannel peer, byte[] bytes) {
    try (peer) {
      ByteBuffer out = ByteBuffer.wrap(bytes);
      while (out.hasRemaining()) {
        peer.write(out);
      }
      peer.shutdownOutput();
      ByteBuffer in = ByteBuffer.allocateDirect(64 << 10);
      while (peer.read(in.clear()) >= 0) {
        // Nothing of it matters.
      }
    } catch (IOException e) {
      // The other side had enough.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    threads.shutdownNow();
  }
}
