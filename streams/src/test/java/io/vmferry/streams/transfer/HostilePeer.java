package io.vmferry.streams.transfer;

import io.vmferry.streams.testing.HostileServer;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A peer over loopback that sends what it likes, says that nothing more comes, and takes whatever
 * is sent to it until the other side closes.
 */
final class HostilePeer implements AutoCloseable {
  private final Listener listener;
  private final ExecutorService peers =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "hostile");
            thread.setDaemon(true);
            return thread;
          });

  HostilePeer() {
    try {
      listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A connection on which these bytes come. */
  Connection send(byte[] bytes) throws IOException {
    int port = ((MigrationUrl.Tcp) listener.url()).port();
    SocketChannel peer =
        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    Connection connection = listener.accept();
    peers.execute(() -> HostileServer.converse(peer, bytes));
    return connection;
  }

  /** Frames that are good one by one, with changes in their order and in their bytes. */
  static byte[] bad(Random random, List<byte[]> good) {
    List<byte[]> frames = new ArrayList<>(good);
    Mutator mutator = new Mutator(random);
    for (int changes = random.nextInt(3); changes > 0 && !frames.isEmpty(); changes--) {
      int at = random.nextInt(frames.size());
      switch (random.nextInt(4)) {
        case 0 -> frames.remove(at);
        case 1 -> frames.add(at, frames.get(random.nextInt(frames.size())));
        case 2 -> frames.set(at, mutator.mutate(frames.get(at)));
        default -> frames.add(at, mutator.noise(48));
      }
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    frames.forEach(all::writeBytes);
    return random.nextBoolean() ? mutator.mutate(all.toByteArray()) : all.toByteArray();
  }

  @Override
  public void close() {
    listener.close();
    peers.shutdownNow();
  }
}
