package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity.Side;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who is not let in, and what both sides say about it, over real loopback sockets. */
@Timeout(60)
class TlsRefusalIT {
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");

  @TempDir Path directory;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Path serverDirectory;
  private Path clientDirectory;

  @BeforeEach
  void fill() throws IOException {
    serverDirectory = AUTHORITY.fill(directory.resolve("server"));
    clientDirectory = AUTHORITY.fill(directory.resolve("client"));
  }

  @AfterEach
  void close() throws Exception {
    threads.shutdownNow();
    assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS), "a thread is still blocked");
    assertEquals(0, StallWatch.shared().watchedConnections());
  }

  private TlsIdentity server() throws IOException {
    return TlsIdentity.load(serverDirectory, Side.SERVER);
  }

  private TlsIdentity client() throws IOException {
    return TlsIdentity.load(clientDirectory, Side.CLIENT);
  }

  /** What the two sides say of one attempt to exchange a byte; empty if nothing is wrong. */
  private record Attempt(String client, String server) {}

  private Attempt attempt(TlsIdentity server, TlsIdentity client, String host) throws Exception {
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server)) {
      Future<String> accepted =
          threads.submit(() -> said(() -> exchange(handshaken(listener.accept()))));
      int port = ((MigrationUrl.Tcp) listener.url()).port();
      String said =
          said(
              () ->
                  exchange(
                      Connector.connect(new MigrationUrl.Tcp(host, port), client, SECONDS_10)));
      return new Attempt(said, accepted.get());
    }
  }

  private static Connection handshaken(Connection connection) throws IOException {
    connection.handshake(SECONDS_10);
    return connection;
  }

  private static Void exchange(Connection connection) throws IOException {
    try (connection) {
      connection.writeFully(ByteBuffer.allocate(1));
      connection.readFully(ByteBuffer.allocate(1));
    }
    return null;
  }

  private static String said(Callable<?> call) throws Exception {
    try {
      call.call();
      return "";
    } catch (IOException e) {
      // Without the connection, whose ports differ.
      return String.valueOf(e.getMessage()).replaceFirst("^tls \\S+ to \\S+: ", "");
    }
  }

  @Test
  void letsInWhoIsOfTheAuthority() throws Exception {
    assertEquals(new Attempt("", ""), attempt(server(), client(), "localhost"));
    assertEquals(new Attempt("", ""), attempt(server(), client(), "127.0.0.1"));
  }

  @Test
  void aServerForAnotherHostIsRefused() throws Exception {
    TestAuthority.put(serverDirectory, "server", AUTHORITY.issue("server", "node7.example"));

    Attempt attempt = attempt(server(), client(), "localhost");

    assertTrue(
        attempt.client().startsWith("the peer's certificate is not for this host name: "),
        attempt.client());
    assertTrue(
        attempt.server().startsWith("the peer does not accept this host's certificate"),
        attempt.server());
    assertFalse(attempt(server(), client(), "127.0.0.1").client().isEmpty());
  }

  @Test
  void aServerOfAnotherAuthorityIsRefused() throws Exception {
    TestAuthority.put(
        serverDirectory,
        "server",
        new TestAuthority("authority").issue("server", "localhost", "127.0.0.1"));

    Attempt attempt = attempt(server(), client(), "localhost");

    assertEquals(
        "the peer's certificate does not come from the authority in ca-cert.pem", attempt.client());
    assertTrue(
        attempt.server().startsWith("the peer does not accept this host's certificate"),
        attempt.server());
  }

  @Test
  void aClientOfAnotherAuthorityIsRefusedAndTold() throws Exception {
    TestAuthority.put(clientDirectory, "client", new TestAuthority("authority").issue("client"));

    Attempt attempt = attempt(server(), client(), "localhost");

    assertEquals(
        "the peer's certificate does not come from the authority in ca-cert.pem", attempt.server());
    assertTrue(
        attempt.client().startsWith("the peer does not accept this host's certificate"),
        attempt.client());
  }

  @Test
  void aServerWhoseCertificateHasExpiredIsRefused() throws Exception {
    Instant end = Instant.now().plusMillis(2_500);
    TestAuthority.put(
        serverDirectory,
        "server",
        AUTHORITY.issue("server", TestAuthority.ecKeys(), end.minusSeconds(60), end, "localhost"));
    TlsIdentity server = server();
    awaitExpiry(end);

    assertEquals(
        "the peer's certificate has expired", attempt(server, client(), "localhost").client());
  }

  @Test
  void aClientWhoseCertificateHasExpiredIsRefusedAndTold() throws Exception {
    Instant end = Instant.now().plusMillis(2_500);
    TestAuthority.put(
        clientDirectory,
        "client",
        AUTHORITY.issue("client", TestAuthority.ecKeys(), end.minusSeconds(60), end));
    TlsIdentity client = client();
    awaitExpiry(end);

    Attempt attempt = attempt(server(), client, "localhost");

    assertEquals("the peer's certificate has expired", attempt.server());
    assertTrue(attempt.client().startsWith("the peer "), attempt.client());
    assertTrue(attempt.client().contains("expired"), attempt.client());
  }

  private static void awaitExpiry(Instant end) {
    while (!Instant.now().isAfter(end)) {
      LockSupport.parkNanos(10_000_000);
    }
  }

  @Test
  void aClientWithoutCertificateIsRefused() throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new TrustManager[] {new Trusting()}, null);
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server())) {
      Future<String> accepted =
          threads.submit(() -> said(() -> exchange(handshaken(listener.accept()))));
      MigrationUrl.Tcp url = (MigrationUrl.Tcp) listener.url();
      try (SSLSocket socket =
          (SSLSocket) context.getSocketFactory().createSocket(url.host(), url.port())) {
        assertThrows(
            IOException.class,
            () -> {
              socket.startHandshake();
              socket.getInputStream().read();
            });
      }
      assertEquals("the peer showed no certificate", accepted.get());
    }
  }

  /** Trusts everybody, as a stranger may. */
  private static final class Trusting implements X509TrustManager {
    @Override
    public void checkClientTrusted(java.security.cert.X509Certificate[] chain, String authType) {}

    @Override
    public void checkServerTrusted(java.security.cert.X509Certificate[] chain, String authType) {}

    @Override
    public java.security.cert.X509Certificate[] getAcceptedIssuers() {
      return new java.security.cert.X509Certificate[0];
    }
  }

  @Test
  void aClientWithoutTlsIsRefused() throws Exception {
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server())) {
      Future<String> accepted =
          threads.submit(() -> said(() -> exchange(handshaken(listener.accept()))));
      try (Connection plain = Connector.connect(listener.url(), SECONDS_10)) {
        plain.writeFully(ByteBuffer.allocate(16).put(0, (byte) 1)); // a Start

        assertEquals(
            "the peer does not speak TLS; give both sides a TLS directory", accepted.get());
      }
    }
  }

  @Test
  void aServerWithoutTlsIsRefused() throws Exception {
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"))) {
      Future<?> accepted =
          threads.submit(
              () -> {
                try (Connection connection = listener.accept()) {
                  connection.readFully(ByteBuffer.allocate(16)); // not a Start: the end
                  connection.writeFully(ByteBuffer.allocate(16).put(0, (byte) 2));
                }
                return null;
              });

      String said = said(() -> Connector.connect(listener.url(), client(), SECONDS_10));

      assertEquals("the peer does not speak TLS; give both sides a TLS directory", said);
      accepted.get();
    }
  }

  @Test
  void aServerThatEndsTheHandshakeIsReported() throws Exception {
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"))) {
      Future<?> accepted =
          threads.submit(
              () -> {
                try (Connection connection = listener.accept()) {
                  connection.read(ByteBuffer.allocate(100_000));
                }
                return null;
              });

      String said = said(() -> Connector.connect(listener.url(), client(), SECONDS_10));

      assertTrue(
          said.endsWith(
              "the peer ended the connection in the handshake; give both sides a TLS directory"),
          said);
      accepted.get();
    }
  }

  @Test
  void aSilentPeerIsDroppedOnBothSides() throws Exception {
    Duration soon = Duration.ofMillis(300);
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server());
        Connection silent = Connector.connect(listener.url(), SECONDS_10);
        Connection accepted = listener.accept()) {
      PeerStalledException e =
          assertThrows(PeerStalledException.class, () -> accepted.handshake(soon));
      assertTrue(e.getMessage().endsWith("nothing came from the peer for 0.3 s"), e.getMessage());
      assertFalse(accepted.isOpen());
      assertTrue(silent.isOpen());
    }
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"))) {
      assertThrows(
          PeerStalledException.class, () -> Connector.connect(listener.url(), client(), soon));
    }
  }

  @Test
  void aPeerThatDripsItsHandshakeIsDropped() throws Exception {
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server());
        Connection dripping = Connector.connect(listener.url(), SECONDS_10);
        Connection accepted = listener.accept()) {
      // The head of a record of 16 KiB, which then comes byte by byte.
      dripping.writeFully(ByteBuffer.wrap(new byte[] {22, 3, 1, 64, 0}));
      Future<?> drip =
          threads.submit(
              () -> {
                while (true) {
                  dripping.writeFully(ByteBuffer.allocate(1));
                  TimeUnit.MILLISECONDS.sleep(10); // the drip itself, not a wait for something
                }
              });

      assertThrows(PeerStalledException.class, () -> accepted.handshake(Duration.ofMillis(500)));

      drip.cancel(true);
    }
  }

  @Test
  void thereIsNoTlsOnUnixSockets() throws Exception {
    MigrationUrl url = MigrationUrl.parse("unix:" + directory.resolve("s"));

    TransportException listen =
        assertThrows(TransportException.class, () -> Listener.bind(url, server()));
    TransportException connect =
        assertThrows(TransportException.class, () -> Connector.connect(url, client(), SECONDS_10));

    assertEquals("TLS is for TCP only, not for " + url, listen.getMessage());
    assertEquals(listen.getMessage(), connect.getMessage());
  }

  @Test
  void aFailedHandshakeDoesNotHoldUpTheNext() throws Exception {
    TlsIdentity stranger = strangersIdentity();
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server())) {
      for (TlsIdentity who : new TlsIdentity[] {stranger, client()}) {
        Future<Connection> accepted = threads.submit(() -> handshaken(listener.accept()));
        try (Connection connection = Connector.connect(listener.url(), who, SECONDS_10)) {
          if (who == stranger) {
            assertThrows(ExecutionException.class, accepted::get);
            continue;
          }
          try (Connection there = accepted.get()) {
            connection.writeFully(ByteBuffer.allocate(1));
            there.readFully(ByteBuffer.allocate(1));
          }
        }
      }
    }
  }

  private TlsIdentity strangersIdentity() throws IOException {
    Path strange = AUTHORITY.fill(directory.resolve("stranger"));
    TestAuthority.put(strange, "client", new TestAuthority("else").issue("client"));
    return TlsIdentity.load(strange, Side.CLIENT);
  }
}
