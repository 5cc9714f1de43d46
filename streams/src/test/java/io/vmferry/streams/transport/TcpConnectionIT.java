package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.wire.Request;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import jdk.net.ExtendedSocketOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** TCP connections over real loopback sockets. */
@Timeout(60)
class TcpConnectionIT {
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Listener listener;
  private Connection here;
  private Connection there;

  @BeforeEach
  void connect() throws Exception {
    listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
    Future<Connection> accepted = threads.submit(listener::accept);
    here = Connector.connect(listener.url(), SECONDS_10);
    there = accepted.get();
  }

  @AfterEach
  void close() throws Exception {
    here.close();
    there.close();
    listener.close();
    threads.shutdownNow();
    assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS), "a thread is still blocked");
    assertEquals(0, StallWatch.shared().watchedConnections());
  }

  private <T> Future<T> start(Callable<T> task) {
    return threads.submit(task);
  }

  /** What the call on the other thread threw. */
  private static Throwable failure(Future<?> call) {
    return assertThrows(ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS)).getCause();
  }

  /** Waits until the thread sits in the kernel: until then a close would not test the wake-up. */
  private static void awaitInCall(Thread thread) {
    while (true) {
      for (StackTraceElement frame : thread.getStackTrace()) {
        if (frame.isNativeMethod()
            && frame.getMethodName().matches("read0|write0|accept0?|poll|writev0|accept")) {
          return;
        }
      }
      Thread.onSpinWait();
    }
  }

  @Test
  void portZeroGivesARealPort() {
    MigrationUrl.Tcp url = (MigrationUrl.Tcp) listener.url();

    assertEquals("127.0.0.1", url.host());
    assertNotEquals(0, url.port());
    assertTrue(here.describe().matches("tcp 127.0.0.1:\\d+ to 127.0.0.1:" + url.port()));
  }

  @Test
  void carriesDirectAndHeapBuffersGathered() throws Exception {
    Random random = new Random(1);
    byte[] data = new byte[9_000_001];
    random.nextBytes(data);
    ByteBuffer heap = ByteBuffer.wrap(data, 0, 300_000);
    ByteBuffer direct = ByteBuffer.allocateDirect(5_000_000).put(data, 300_000, 5_000_000).flip();
    ByteBuffer small = ByteBuffer.wrap(data, 5_300_000, 16);
    ByteBuffer rest = ByteBuffer.wrap(data, 5_300_016, data.length - 5_300_016);
    Future<?> writer =
        start(
            () -> {
              here.writeFully(small.duplicate().limit(0).position(0), heap, direct, small, rest);
              return null;
            });

    ByteBuffer head = ByteBuffer.allocate(400_000);
    ByteBuffer tail = ByteBuffer.allocateDirect(data.length - 400_000);
    there.readFully(head);
    there.readFully(tail);

    writer.get();
    CRC32C sent = new CRC32C();
    sent.update(data);
    CRC32C received = new CRC32C();
    received.update(head.flip());
    received.update(tail.flip());
    assertEquals(sent.getValue(), received.getValue());
    assertEquals(data.length, there.bytesRead());
    assertEquals(data.length, here.bytesWritten());
    assertFalse(heap.hasRemaining() || direct.hasRemaining() || rest.hasRemaining());
  }

  @Test
  void tellsAnEndBetweenFramesFromATruncatedFrame() throws Exception {
    here.writeFully(ByteBuffer.wrap(new byte[20]));
    here.close();

    assertTrue(there.readFullyOrEof(ByteBuffer.allocate(16)));
    EOFException cut =
        assertThrows(EOFException.class, () -> there.readFullyOrEof(ByteBuffer.allocate(16)));
    assertFalse(there.readFullyOrEof(ByteBuffer.allocate(16)));
    assertThrows(EOFException.class, () -> there.readFully(ByteBuffer.allocate(1)));
    assertTrue(cut.getMessage().endsWith("closed the connection after 4 of 16 bytes"));
  }

  @Test
  void closingUnblocksAReader() throws Exception {
    Thread[] reader = new Thread[1];
    Future<?> read = start(() -> readOnThread(reader, there));
    awaitThread(reader);
    awaitInCall(reader[0]);

    there.close();

    Throwable e = failure(read);
    assertTrue(e instanceof TransportException, e.toString());
    assertTrue(e.getMessage().endsWith("closed by this side"), e.getMessage());
    assertFalse(there.isOpen());
  }

  private static Void readOnThread(Thread[] slot, Connection connection) throws IOException {
    synchronized (slot) {
      slot[0] = Thread.currentThread();
      slot.notifyAll();
    }
    connection.readFully(ByteBuffer.allocateDirect(16));
    return null;
  }

  private static void awaitThread(Thread[] slot) throws InterruptedException {
    synchronized (slot) {
      while (slot[0] == null) {
        slot.wait();
      }
    }
  }

  @Test
  void closingUnblocksAWriterWhosePeerDoesNotRead() throws Exception {
    Future<?> write = start(() -> writeForEver(here));
    awaitStandstill(here);

    here.close();

    assertTrue(failure(write) instanceof TransportException);
  }

  private static Void writeForEver(Connection connection) throws IOException {
    ByteBuffer data = ByteBuffer.allocateDirect(1 << 20);
    while (true) {
      connection.writeFully(data.clear());
    }
  }

  /** Waits until the socket buffers are full: the count of written bytes stands still. */
  private static void awaitStandstill(Connection connection) {
    long last = -1;
    long since = System.nanoTime();
    while (System.nanoTime() - since < 200_000_000L) {
      long now = connection.bytesWritten();
      if (now != last) {
        last = now;
        since = System.nanoTime();
      }
      Thread.onSpinWait();
    }
  }

  @Test
  void aSilentPeerEndsAReadWithATimeout() {
    there.setReadTimeout(Duration.ofMillis(200));
    long begin = System.nanoTime();

    PeerStalledException e =
        assertThrows(
            PeerStalledException.class, () -> there.readFully(ByteBuffer.allocateDirect(16)));

    long millis = (System.nanoTime() - begin) / 1_000_000;
    assertTrue(millis >= 190 && millis < 5_000, millis + " ms");
    assertTrue(e.getMessage().endsWith("nothing came from the peer for 0.2 s"), e.getMessage());
    assertFalse(there.isOpen());
  }

  @Test
  void aPeerThatDripsAFrameInIsTimedOutToo() throws Exception {
    there.setReadTimeout(Duration.ofMillis(300));
    Future<?> drip =
        start(
            () -> {
              for (int i = 0; i < 1000; i++) {
                here.writeFully(ByteBuffer.allocate(1));
                TimeUnit.MILLISECONDS.sleep(20); // the drip itself, not a wait for something
              }
              return null;
            });

    assertThrows(PeerStalledException.class, () -> there.readFully(ByteBuffer.allocate(1000)));

    drip.cancel(true);
  }

  @Test
  void aTimeoutSetWhileAReadWaitsCounts() throws Exception {
    Thread[] reader = new Thread[1];
    Future<?> read = start(() -> readOnThread(reader, there));
    awaitThread(reader);
    awaitInCall(reader[0]);

    there.setReadTimeout(Duration.ofMillis(100));

    assertTrue(failure(read) instanceof PeerStalledException);
  }

  @Test
  void aTimeoutDoesNotCountBetweenReads() throws Exception {
    there.setReadTimeout(Duration.ofMillis(50));
    ByteBuffer frame = ByteBuffer.allocate(16);
    for (int i = 0; i < 3; i++) {
      here.writeFully(ByteBuffer.allocate(16));
      there.readFully(frame.clear());
      awaitStandstill(here); // 200 ms without a read under way
    }

    assertTrue(there.isOpen());
    assertEquals(48, there.bytesRead());
  }

  @Test
  void aPeerThatTakesNothingEndsAWrite() throws Exception {
    here.setWriteTimeout(Duration.ofMillis(300));

    PeerStalledException e = assertThrows(PeerStalledException.class, () -> writeForEver(here));

    assertTrue(e.getMessage().endsWith("the peer took nothing for 0.3 s"), e.getMessage());
  }

  @Test
  void setsKeepaliveAndNoDelay() throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open()) {
      server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      SocketChannel channel = SocketChannel.open(server.getLocalAddress());
      try (TcpConnection connection = TcpConnection.of(channel, null)) {
        assertTrue(channel.getOption(StandardSocketOptions.SO_KEEPALIVE));
        assertEquals(60, channel.getOption(ExtendedSocketOptions.TCP_KEEPIDLE));
        assertEquals(15, channel.getOption(ExtendedSocketOptions.TCP_KEEPINTERVAL));
        assertEquals(4, channel.getOption(ExtendedSocketOptions.TCP_KEEPCOUNT));
        assertFalse(channel.getOption(StandardSocketOptions.TCP_NODELAY));
        connection.noDelay(true);
        assertTrue(channel.getOption(StandardSocketOptions.TCP_NODELAY));
      }
      assertFalse(channel.isOpen());
    }
  }

  @Test
  void closingUnblocksAccept() throws Exception {
    Thread[] acceptor = new Thread[1];
    Future<?> accept =
        start(
            () -> {
              synchronized (acceptor) {
                acceptor[0] = Thread.currentThread();
                acceptor.notifyAll();
              }
              return listener.accept();
            });
    awaitThread(acceptor);
    awaitInCall(acceptor[0]);

    listener.close();

    assertEquals("The listener on " + listener.url() + " was closed", failure(accept).getMessage());
    assertThrows(TransportException.class, listener::accept);
  }

  @Test
  void explainsAPortInUse() {
    TransportException e =
        assertThrows(TransportException.class, () -> Listener.bind(listener.url()));

    assertEquals(
        "Cannot listen on "
            + listener.url()
            + ": the port is in use; choose another one or stop the process that listens there",
        e.getMessage());
  }

  @Test
  void explainsAForeignAddressToListenOn() {
    TransportException e =
        assertThrows(
            TransportException.class, () -> Listener.bind(MigrationUrl.parse("tcp:192.0.2.1:0")));

    assertTrue(e.getMessage().contains("not one of this machine's"), e.getMessage());
  }

  @Test
  void explainsARefusedConnection() {
    listener.close();

    TransportException e =
        assertThrows(TransportException.class, () -> Connector.connect(listener.url(), SECONDS_10));

    assertEquals(
        "Cannot connect to "
            + listener.url()
            + ": nobody listens there (connection refused); start the destination first",
        e.getMessage());
  }

  @Test
  void explainsAnUnknownHost() {
    MigrationUrl url = MigrationUrl.parse("tcp:no-such-host.invalid:9000");
    String sentence =
        "Host 'no-such-host.invalid' of "
            + url
            + " is not known; check the name or give an address";

    assertEquals(
        sentence,
        assertThrows(TransportException.class, () -> Connector.connect(url, SECONDS_10))
            .getMessage());
    assertEquals(
        sentence, assertThrows(TransportException.class, () -> Listener.bind(url)).getMessage());
  }

  @Test
  void givesUpConnectingInTime() throws Exception {
    // A full accept queue answers nothing: Linux drops the SYNs.
    try (ServerSocketChannel full = ServerSocketChannel.open()) {
      full.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
      int port = ((InetSocketAddress) full.getLocalAddress()).getPort();
      MigrationUrl url = new MigrationUrl.Tcp("127.0.0.1", port);
      try (SocketChannel a = SocketChannel.open(full.getLocalAddress());
          SocketChannel b = SocketChannel.open(full.getLocalAddress())) {
        assertTrue(a.isConnected() && b.isConnected());

        TransportException e =
            assertThrows(
                TransportException.class, () -> Connector.connect(url, Duration.ofMillis(300)));

        assertTrue(e.getMessage().contains("no answer within 0.3 s"), e.getMessage());
      }
    }
  }

  @Test
  void refusesToPassDescriptors() {
    assertFalse(here.passesDescriptors());
    assertThrows(TransportException.class, () -> here.receiveWithFd(ByteBuffer.allocate(4)));
  }

  @Test
  void readsAClaimedPayloadWithoutTrustingIt() throws Exception {
    byte[] state = new byte[1_000_003];
    new Random(2).nextBytes(state);
    here.writeFully(Request.memoryFd().encode().asByteBuffer());
    Future<?> writer =
        start(
            () -> {
              here.writeFully(ByteBuffer.wrap(state));
              here.close();
              return null;
            });

    Request request = Request.decode(readFrame());
    byte[] read = Payloads.read(there, state.length);

    writer.get();
    assertEquals(4, request.length());
    assertEquals(ByteBuffer.wrap(state), ByteBuffer.wrap(read));
    assertEquals(0, Payloads.read(there, 0).length);
    // The claim of 256 MiB fits no test heap twice; only what came may be held.
    assertThrows(EOFException.class, () -> Payloads.read(there, 256 << 20));
  }

  private ByteBuffer readFrame() throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    there.readFully(frame);
    return frame.flip();
  }
}
