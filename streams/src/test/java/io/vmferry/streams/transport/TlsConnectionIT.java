package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.testing.Relay;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity.Side;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a connection under TLS carries, and how it ends, over real loopback sockets. */
@Timeout(60)
class TlsConnectionIT {
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);

  @TempDir static Path directory;
  private static TlsIdentity server;
  private static TlsIdentity client;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Listener listener;
  private Connection here;
  private Connection there;

  @BeforeAll
  static void load() throws IOException {
    new TestAuthority("authority").fill(directory);
    server = TlsIdentity.load(directory, Side.SERVER);
    client = TlsIdentity.load(directory, Side.CLIENT);
  }

  @BeforeEach
  void connect() throws Exception {
    listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server);
    Future<Connection> accepted = start(this::accept);
    here = Connector.connect(listener.url(), client, SECONDS_10);
    there = accepted.get();
  }

  private Connection accept() throws IOException {
    Connection connection = listener.accept();
    connection.handshake(SECONDS_10);
    return connection;
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

  private static Throwable failure(Future<?> call) {
    return assertThrows(ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS)).getCause();
  }

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private static byte[] receive(Connection from, int bytes, boolean direct) throws IOException {
    ByteBuffer data = direct ? ByteBuffer.allocateDirect(bytes) : ByteBuffer.allocate(bytes);
    from.readFully(data);
    byte[] copy = new byte[bytes];
    data.flip().get(copy);
    return copy;
  }

  @Test
  void carriesDirectAndHeapBuffersGathered() throws Exception {
    byte[] data = random(9_000_001, 1);
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

    byte[] head = receive(there, 400_001, false);
    byte[] tail = receive(there, data.length - 400_001, true);

    writer.get();
    assertEquals(ByteBuffer.wrap(data, 0, head.length), ByteBuffer.wrap(head));
    assertEquals(ByteBuffer.wrap(data, head.length, tail.length), ByteBuffer.wrap(tail));
    assertEquals(data.length, there.bytesRead());
    assertEquals(data.length, here.bytesWritten());
    assertFalse(heap.hasRemaining() || direct.hasRemaining() || rest.hasRemaining());
  }

  @Test
  void carriesManySmallBuffersInOneCall() throws Exception {
    byte[] data = random(1_000 * 4_096, 2);
    ByteBuffer[] pages = new ByteBuffer[1_000];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = ByteBuffer.allocateDirect(4_096).put(data, i * 4_096, 4_096).flip();
    }
    Future<?> writer =
        start(
            () -> {
              here.writeFully(pages);
              return null;
            });

    assertArrayEquals(data, receive(there, data.length, true));
    writer.get();
  }

  @Test
  void readsAndWritesAtOnceOnBothEnds() throws Exception {
    byte[] forth = random(30_000_000, 3);
    byte[] back = random(30_000_000, 4);
    Future<?> writeForth = start(() -> write(here, forth));
    Future<?> writeBack = start(() -> write(there, back));
    Future<byte[]> readForth = start(() -> receive(there, forth.length, true));

    assertArrayEquals(back, receive(here, back.length, true));

    assertArrayEquals(forth, readForth.get());
    writeForth.get();
    writeBack.get();
  }

  private static Void write(Connection to, byte[] data) throws IOException {
    ByteBuffer all = ByteBuffer.allocateDirect(data.length).put(data).flip();
    while (all.hasRemaining()) {
      int piece = Math.min(100_000, all.remaining());
      to.writeFully(all.slice(all.position(), piece));
      all.position(all.position() + piece);
    }
    return null;
  }

  @Test
  void aReadTakesWhatHasComeAndDoesNotWaitForMore() throws Exception {
    here.writeFully(ByteBuffer.wrap(new byte[20]));
    ByteBuffer large = ByteBuffer.allocateDirect(100_000);

    assertEquals(20, there.read(large));
    here.writeFully(ByteBuffer.wrap(new byte[30_000]));
    there.readFully(ByteBuffer.allocate(10));

    assertEquals(30_010 - 20, 10 + drain(large.clear(), 29_990));
  }

  private int drain(ByteBuffer into, int wanted) throws IOException {
    int read = 0;
    while (read < wanted) {
      read += there.read(into);
    }
    return read - 10;
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void speaksWithAnotherImplementationInBothVersions(String version) throws Exception {
    Future<Connection> accepted = start(this::accept);
    byte[] data = random(200_000, 5);
    try (SSLSocket socket = socket(version)) {
      socket.startHandshake();
      try (Connection connection = accepted.get()) {
        socket.getOutputStream().write(data);
        assertArrayEquals(data, receive(connection, data.length, true));
        Future<?> writer = start(() -> write(connection, data));
        assertArrayEquals(data, socket.getInputStream().readNBytes(data.length));
        writer.get();
        assertEquals(version, socket.getSession().getProtocol());
      }
    }
  }

  @Test
  void nothingComesBehindTheHandshakeUnasked() throws Exception {
    Future<Connection> accepted = start(this::accept);
    MigrationUrl.Tcp url = (MigrationUrl.Tcp) listener.url();
    Socket raw = new Socket(url.host(), url.port());
    SSLSocket socket =
        (SSLSocket)
            client.context().getSocketFactory().createSocket(raw, url.host(), url.port(), true);
    socket.startHandshake();
    Connection connection = accepted.get();
    int unread = raw.getInputStream().available();
    connection.close();
    socket.close();

    assertEquals(0, unread);
  }

  private SSLSocket socket(String version) throws IOException {
    MigrationUrl.Tcp url = (MigrationUrl.Tcp) listener.url();
    SSLSocket socket =
        (SSLSocket) client.context().getSocketFactory().createSocket(url.host(), url.port());
    socket.setEnabledProtocols(new String[] {version});
    return socket;
  }

  @Test
  void anotherHandshakeIsRefusedInTls12() throws Exception {
    Future<Connection> accepted = start(this::accept);
    try (SSLSocket socket = socket("TLSv1.2")) {
      socket.startHandshake();
      try (Connection connection = accepted.get()) {
        Future<byte[]> read = start(() -> receive(connection, 1, false));

        socket.startHandshake(); // asks for it, and does not wait

        String refusal = String.valueOf(failure(read).getMessage());
        assertTrue(refusal.endsWith("the peer wants another handshake, which is refused"), refusal);
      }
    }
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
    assertEquals(-1, there.read(ByteBuffer.allocate(16)));
  }

  @Test
  void aCutIsNoEnd() throws Exception {
    try (Relay relay = Relay.to(listener.url())) {
      Future<Connection> accepted = start(this::accept);
      try (Connection far = Connector.connect(relay.url(), client, SECONDS_10);
          Connection near = accepted.get()) {
        far.writeFully(ByteBuffer.wrap(new byte[16]));
        near.readFully(ByteBuffer.allocate(16));

        relay.cut();

        TruncatedStreamException cut =
            assertThrows(
                TruncatedStreamException.class, () -> near.readFullyOrEof(ByteBuffer.allocate(16)));
        assertTrue(
            cut.getMessage().endsWith("the connection ended without TLS's close_notify"),
            cut.getMessage());
        assertTrue(cut.getMessage().startsWith("tls 127.0.0.1:"), cut.getMessage());
      }
    }
  }

  @Test
  void aFlippedBitEndsTheConnection() throws Exception {
    try (Relay relay = Relay.to(listener.url())) {
      Future<Connection> accepted = start(this::accept);
      try (Connection far = Connector.connect(relay.url(), client, SECONDS_10);
          Connection near = accepted.get()) {
        far.writeFully(ByteBuffer.wrap(new byte[16]));
        near.readFully(ByteBuffer.allocate(16));

        relay.flipNext();
        far.writeFully(ByteBuffer.wrap(new byte[1_000]));

        TransportException e =
            assertThrows(
                TransportException.class, () -> near.readFully(ByteBuffer.allocate(1_000)));
        assertTrue(e.getMessage().contains("TLS failed: "), e.getMessage());
      }
    }
  }

  @Test
  void knowsWhoThePeerIs() throws Exception {
    Future<Connection> accepted = start(this::accept);
    try (Connection second = Connector.connect(listener.url(), client, SECONDS_10);
        Connection secondThere = accepted.get()) {
      assertEquals(there.peerCertificate(), secondThere.peerCertificate());
      assertNotEquals(here.peerCertificate(), there.peerCertificate());
      assertEquals("CN=client", there.peerCertificate().getSubjectX500Principal().getName());
      assertEquals("CN=server", second.peerCertificate().getSubjectX500Principal().getName());
    }
    try (Listener plain = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
        Connection unknown = Connector.connect(plain.url(), SECONDS_10)) {
      assertNull(unknown.peerCertificate());
    }
  }

  @Test
  void aConnectionIsOfNoUseBeforeItsHandshake() throws Exception {
    try (Relay relay = Relay.to(listener.url());
        Connection raw = Connector.connect(relay.url(), SECONDS_10);
        Connection accepted = listener.accept()) {
      assertThrows(IllegalStateException.class, () -> accepted.readFully(ByteBuffer.allocate(1)));
      assertThrows(IllegalStateException.class, () -> accepted.writeFully(ByteBuffer.allocate(1)));
      assertThrows(IllegalStateException.class, accepted::peerCertificate);
      assertTrue(raw.isOpen());
    }
  }

  @Test
  void closingUnblocksAReader() throws Exception {
    Future<byte[]> read = start(() -> receive(there, 16, true));
    here.writeFully(ByteBuffer.wrap(new byte[8])); // in the middle of its frame

    there.close();

    assertTrue(failure(read) instanceof TransportException, failure(read).toString());
    assertFalse(there.isOpen());
  }

  @Test
  void aPeerThatTakesNothingEndsAWriteAndDoesNotHoldUpTheClose() throws Exception {
    here.setWriteTimeout(Duration.ofMillis(300));
    ByteBuffer data = ByteBuffer.allocateDirect(1 << 20);

    PeerStalledException e =
        assertThrows(
            PeerStalledException.class,
            () -> {
              while (true) {
                here.writeFully(data.clear());
              }
            });

    assertTrue(e.getMessage().endsWith("the peer took nothing for 0.3 s"), e.getMessage());
    long start = System.nanoTime();
    here.close();
    assertTrue(System.nanoTime() - start < 2_000_000_000L);
  }

  @Test
  void aSilentPeerEndsAReadWithATimeout() {
    there.setReadTimeout(Duration.ofMillis(200));

    assertThrows(PeerStalledException.class, () -> there.readFully(ByteBuffer.allocateDirect(16)));

    assertFalse(there.isOpen());
  }

  @Test
  void renewsItsKeysWhileDataFlows() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                ManyKeys.class.getName(),
                directory.toString())
            .redirectErrorStream(true)
            .start();
    try {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertEquals(0, process.waitFor(), output);
      assertTrue(output.contains("64 MiB arrived"), output);
    } finally {
      process.destroyForcibly();
    }
  }
}
