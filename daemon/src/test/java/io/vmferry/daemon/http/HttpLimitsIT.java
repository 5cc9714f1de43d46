package io.vmferry.daemon.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.stream.javadsl.Source;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What callers may not do to a node's port, with the node's own settings of Pekko. */
@Timeout(60)
class HttpLimitsIT {
  private static final int CONNECTIONS = 4;
  private static final Duration REQUEST_TIME = Duration.ofSeconds(1);
  private static final HttpLimits GENEROUS = new HttpLimits(1000, 1000, REQUEST_TIME);
  private static final int MIB = 1 << 20;

  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ConfigFactory.parseString("pekko.http.server.max-connections = " + CONNECTIONS)
              .withFallback(
                  ConfigFactory.parseResourcesAnySyntax("vmferry-node").withOnlyPath("pekko.http"))
              .withFallback(ConfigFactory.load()));

  @TempDir private static Path directory;

  private final NotingNode node = new NotingNode();
  private ServerBinding binding;
  private URI url;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @AfterEach
  void unbind() {
    binding.terminate(Duration.ofSeconds(1)).toCompletableFuture().join();
  }

  private void bind(HttpPolicy policy) {
    binding =
        HttpListener.bind(KIT.system(), "127.0.0.1", 0, node, policy).toCompletableFuture().join();
    url = URI.create("http://127.0.0.1:" + binding.localAddress().getPort());
  }

  private void bind(HttpLimits limits) {
    bind(new HttpPolicy(null, false, null, limits));
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), url.getPort());
    socket.setSoTimeout(20_000);
    return socket;
  }

  private static void write(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** Up to the end, which is a reset if the node was sent more than it read. */
  private static String readAll(Socket socket) throws IOException {
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    try {
      socket.getInputStream().transferTo(answer);
    } catch (SocketTimeoutException e) {
      throw new AssertionError("the connection is still open", e);
    } catch (SocketException e) {
      // As good as its end.
    }
    return answer.toString(StandardCharsets.US_ASCII);
  }

  private static String head(String requestLine, String... headers) {
    return requestLine
        + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + String.join("", headers)
        + "\r\n";
  }

  private static void assertProblem(int status, String code, String answer) {
    assertTrue(answer.startsWith("HTTP/1.1 " + status + " "), () -> status + ": " + answer);
    assertTrue(answer.contains("Content-Type: application/json"), answer);
    assertTrue(answer.contains("{\"code\":\"" + code + "\",\"message\":\""), answer);
  }

  private static HttpResponse<String> get(URI url, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(url);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
  }

  @Test
  void aBodyThatIsAnnouncedAsTooLongIsRefusedBeforeItComes() throws Exception {
    bind(GENEROUS);
    try (Socket socket = connect()) {
      write(socket, head("POST /v1/vms", "Content-Length: " + (MIB + 1) + "\r\n") + "{");

      assertProblem(413, "TOO_LONG", readAll(socket));
    }
    assertEquals(List.of(), node.asked);
  }

  @Test
  void aBodyOfUnknownLengthIsReadUpToTheLimit() throws Exception {
    bind(GENEROUS);
    try (Socket socket = connect()) {
      write(socket, head("POST /v1/vms", "Transfer-Encoding: chunked\r\n"));
      String chunk = "4000\r\n" + " ".repeat(0x4000) + "\r\n";
      for (int sent = 0; sent <= MIB; sent += 0x4000) {
        write(socket, chunk);
      }

      assertProblem(413, "TOO_LONG", readAll(socket));
    }
    assertEquals(List.of(), node.asked);
  }

  @Test
  void aBodyOfTheLimitIsTaken() throws Exception {
    bind(GENEROUS);
    String vm =
        "{\"cpus\":1,\"memory_bytes\":1,\"name\":\"a\",\"page_size\":\"4K\",\"guest\":{\"kind\":\"idle\"}}";

    HttpResponse<String> answer =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(url.resolve("/v1/vms"))
                    .POST(BodyPublishers.ofString(vm + " ".repeat(MIB - vm.length())))
                    .build(),
                BodyHandlers.ofString());

    assertEquals(201, answer.statusCode(), answer::body);
  }

  @Test
  void aSlowBodyIsNotWaitedFor() throws Exception {
    bind(GENEROUS);
    try (Socket socket = connect()) {
      drip(socket, head("POST /v1/vms", "Content-Length: 1000\r\n"), " ");

      assertProblem(408, "TOO_SLOW", readAll(socket));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "})
  void aRequestThatNeverEndsIsNotWaitedFor(String begin) throws Exception {
    bind(GENEROUS);
    long start = System.nanoTime();
    try (Socket socket = connect()) {
      drip(socket, begin, "a");

      assertEquals("", readAll(socket));
    }
    assertTook(start);
  }

  /** The first bytes of a TLS record that says it has 16 KiB. */
  @Test
  void aHandshakeThatNeverEndsIsNotWaitedFor() throws Exception {
    TlsIdentity identity =
        TlsIdentity.load(
            new TestAuthority("authority").fill(directory.resolve("tls")), TlsIdentity.Side.SERVER);
    bind(new HttpPolicy(() -> identity, false, null, GENEROUS));
    long start = System.nanoTime();
    try (Socket socket = connect()) {
      drip(socket, "\u0016\u0003\u0001@\u0000\u0001", "\u0000");

      readAll(socket);
    }
    assertTook(start);
  }

  private static void assertTook(long start) {
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    assertTrue(millis >= REQUEST_TIME.toMillis() - 50 && millis < 15_000, millis + " ms");
  }

  @Test
  void whoHasFilledThePortWithSilenceLeavesItSoon() throws Exception {
    bind(GENEROUS);
    List<Socket> silent = new ArrayList<>();
    try {
      for (int i = 0; i < CONNECTIONS; i++) {
        silent.add(connect());
      }

      assertEquals(200, get(url.resolve("/healthz")).statusCode());
    } finally {
      for (Socket socket : silent) {
        assertEquals(-1, socket.getInputStream().read());
        socket.close();
      }
    }
  }

  @Test
  void aStreamOfEventsMayTakeLonger() throws Exception {
    node.states =
        Source.from(
                List.of(
                    NotingNode.RUNNING,
                    NotingNode.RUNNING,
                    NotingNode.RUNNING,
                    NotingNode.RUNNING,
                    NotingNode.FAILED))
            .throttle(1, REQUEST_TIME);
    bind(new HttpLimits(1, 1, REQUEST_TIME));
    int[] seen = {0};

    // One permit is enough for it: it is one request.
    MigrationView result = new NodeClient(url).follow("m-1", progress -> seen[0]++);

    assertEquals(NotingNode.FAILED, result);
    assertEquals(4, seen[0]);
  }

  /** It is the end of the stream that the time runs from. */
  @Test
  void afterAStreamOfEventsTheConnectionGoesOn() throws Exception {
    node.states =
        Source.from(List.of(NotingNode.RUNNING, NotingNode.RUNNING, NotingNode.FAILED))
            .throttle(1, REQUEST_TIME);
    bind(GENEROUS);
    try (Socket socket = connect()) {
      write(socket, "GET /v1/migrations/m-1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      StringBuilder events = new StringBuilder();
      while (!events.toString().endsWith("\r\n0\r\n\r\n")) {
        int next = socket.getInputStream().read();
        assertTrue(next >= 0, events::toString);
        events.append((char) next);
      }

      write(socket, head("GET /healthz"));

      String answer = readAll(socket);
      assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
    }
  }

  @Test
  void afterItsAnswerAConnectionIsWaitedForNoLonger() throws Exception {
    bind(GENEROUS);
    try (Socket socket = connect()) {
      long start = System.nanoTime();
      write(socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");

      String answer = readAll(socket);

      assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
      assertTook(start);
    }
  }

  @Test
  void whatIsNoRequestGetsAProblemToo() throws Exception {
    bind(GENEROUS);
    String[][] bad = {
      {"414", "URI_TOO_LONG", head("GET /" + "a".repeat(3000))},
      {"431", "HEADERS_TOO_LARGE", head("GET /", "X-A: " + "a".repeat(9000) + "\r\n")},
      {"400", "BAD_REQUEST", head("GET /", "X-A: a\r\n".repeat(33))},
      {"501", "BAD_REQUEST", head("NONSENSE /")},
    };
    for (String[] each : bad) {
      try (Socket socket = connect()) {
        write(socket, each[2]);

        assertProblem(Integer.parseInt(each[0]), each[1], readAll(socket));
      }
    }
  }

  @Test
  void whoAsksTooOftenIsToldToWait() throws Exception {
    bind(new HttpLimits(1, 3, REQUEST_TIME));
    for (int i = 0; i < 3; i++) {
      assertEquals(200, get(url.resolve("/v1/vms")).statusCode());
    }

    // The address in a header is the caller's own word.
    HttpResponse<String> answer =
        get(url.resolve("/v1/vms"), "X-Forwarded-For", "192.0.2.1", "X-Real-Ip", "192.0.2.1");

    assertEquals(429, answer.statusCode());
    assertEquals(List.of("1"), answer.headers().allValues("Retry-After"));
    assertEquals(
        "{\"code\":\"TOO_MANY_REQUESTS\",\"message\":\"This node takes 1 request a second from one"
            + " address\",\"hint\":\"Ask again in 1 s\"}",
        answer.body());
    assertEquals(List.of("listVms", "listVms", "listVms"), node.asked);
  }

  @Test
  void whoHasWaitedIsLetInAgain() throws Exception {
    bind(new HttpLimits(4, 1, REQUEST_TIME));
    assertEquals(200, get(url.resolve("/v1/vms")).statusCode());
    int status = get(url.resolve("/v1/vms")).statusCode();

    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (status != 200 && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(300));
      status = get(url.resolve("/v1/vms")).statusCode();
    }

    assertEquals(200, status);
  }

  /**
   * Sends something, and then a little ten times a second until the socket is closed: to the kernel
   * that is no idle peer.
   */
  private static void drip(Socket socket, String begin, String drop) throws IOException {
    OutputStream out = socket.getOutputStream();
    out.write(begin.getBytes(StandardCharsets.ISO_8859_1));
    Thread thread =
        new Thread(
            () -> {
              try {
                while (true) {
                  out.write(drop.getBytes(StandardCharsets.ISO_8859_1));
                  LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
                }
              } catch (IOException e) {
                // It was closed, which is what the test waits for.
              }
            },
            "drip");
    thread.setDaemon(true);
    thread.start();
  }
}
