package io.vmferry.daemon.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.access.BearerToken;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import javax.net.ssl.SSLParameters;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is let in, over real HTTPS with real certificates. */
@Timeout(60)
class HttpListenerIT {
  private static final String TOKEN = "a-token-of-the-node";
  private static final HttpLimits LIMITS = new HttpLimits(1000, 1000, Duration.ofSeconds(30));
  private static final ActorTestKit KIT = ActorTestKit.create();

  @TempDir private static Path directory;
  private static Path tls;
  private static Path trust;
  private static Path stranger;
  private static Supplier<BearerToken> token;

  private final NotingNode node = new NotingNode();
  private ServerBinding binding;

  @BeforeAll
  static void issue() throws IOException {
    tls = new TestAuthority("authority").fill(directory.resolve("tls"));
    trust = Files.createDirectories(directory.resolve("trust"));
    Files.copy(tls.resolve("ca-cert.pem"), trust.resolve("ca-cert.pem"));
    // Trusts the node, but has a certificate of another authority.
    stranger = new TestAuthority("other").fill(directory.resolve("stranger"));
    Files.copy(
        tls.resolve("ca-cert.pem"),
        stranger.resolve("ca-cert.pem"),
        StandardCopyOption.REPLACE_EXISTING);
    Path file = Files.writeString(directory.resolve("token"), TOKEN);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    BearerToken loaded = BearerToken.load(file);
    token = () -> loaded;
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void bindNothing() {
    binding = null;
  }

  @AfterEach
  void unbind() {
    if (binding != null) {
      binding.terminate(Duration.ofSeconds(1)).toCompletableFuture().join();
    }
  }

  private URI bind(HttpPolicy policy) {
    binding =
        HttpListener.bind(KIT.system(), "127.0.0.1", 0, node, policy).toCompletableFuture().join();
    String scheme = policy.tls() == null ? "http" : "https";
    return URI.create(scheme + "://localhost:" + binding.localAddress().getPort());
  }

  private static Supplier<TlsIdentity> server() throws IOException {
    TlsIdentity identity = TlsIdentity.load(tls, TlsIdentity.Side.SERVER);
    return () -> identity;
  }

  private static HttpClient client(Path tlsDir) throws IOException {
    TlsIdentity identity = TlsIdentity.loadTrust(tlsDir);
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .sslContext(identity.context())
        .build();
  }

  private static HttpResponse<String> get(HttpClient client, URI url, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(url);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/vms",
        "/v1/cluster",
        "/v1/migrations/m-1/events",
        "/healthz",
        "/readyz",
        "/x"
      })
  void withoutTheTokenNoRouteAnswers(String path) throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));

    HttpResponse<String> answer = get(client(trust), url.resolve(path));

    assertEquals(401, answer.statusCode());
    assertEquals(
        List.of("Bearer realm=\"vmferry\""), answer.headers().allValues("WWW-Authenticate"));
    assertEquals(
        "{\"code\":\"TOKEN_MISSING\",\"message\":\"This node wants a token, and the request has"
            + " none\",\"hint\":\"Name the node's token file with --token-file or"
            + " VMFERRY_TOKEN_FILE\"}",
        answer.body());
    assertEquals(List.of(), node.asked);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Bearer another-token-of-it", "Basic YTpi", "a-token-of-the-node", "Bearer"})
  void anotherTokenIsRefused(String header) throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));

    HttpResponse<String> answer =
        get(client(trust), url.resolve("/v1/vms"), "Authorization", header);

    assertEquals(401, answer.statusCode());
    assertEquals(
        List.of("Bearer realm=\"vmferry\",error=invalid_token"),
        answer.headers().allValues("WWW-Authenticate"));
    assertTrue(answer.body().contains("\"code\":\"TOKEN_WRONG\""), answer.body());
    assertEquals(List.of(), node.asked);
  }

  @Test
  void theTokenOpensTheRoutesUnderAnyNameOfTheNode() throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));
    HttpClient client =
        HttpClient.newBuilder().sslContext(TlsIdentity.loadTrust(trust).context()).build();

    HttpResponse<String> answer =
        get(client, url.resolve("/v1/vms"), "Authorization", "Bearer " + TOKEN);

    assertEquals(200, answer.statusCode());
    assertEquals(List.of("listVms"), node.asked);
  }

  @Test
  void aTokenInTheClearWorksOnLoopback() throws Exception {
    URI url = bind(new HttpPolicy(null, false, token, LIMITS));
    HttpClient client = HttpClient.newHttpClient();

    assertEquals(401, get(client, url.resolve("/v1/vms")).statusCode());
    assertEquals(
        200, get(client, url.resolve("/v1/vms"), "Authorization", "Bearer " + TOKEN).statusCode());
  }

  @Test
  void aWebPageIsNotLetInWithTheTokenEither() throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));

    HttpResponse<String> answer =
        get(
            client(trust),
            url.resolve("/v1/vms"),
            "Authorization",
            "Bearer " + TOKEN,
            "Origin",
            url.toString());

    assertEquals(403, answer.statusCode());
    assertEquals(List.of(), node.asked);
  }

  @Test
  void aCertificateOfTheAuthorityOpensTheRoutes() throws Exception {
    URI url = bind(new HttpPolicy(server(), true, null, LIMITS));

    assertEquals(200, get(client(tls), url.resolve("/v1/vms")).statusCode());
  }

  @Test
  void noCertificateOrOneOfAnotherAuthorityDoesNot() throws Exception {
    URI url = bind(new HttpPolicy(server(), true, null, LIMITS));

    for (Path callers : List.of(trust, stranger)) {
      HttpClient client = client(callers);
      assertThrows(IOException.class, () -> get(client, url.resolve("/v1/vms")));
    }
    assertEquals(List.of(), node.asked);
  }

  @Test
  void withBothBothAreNeeded() throws Exception {
    URI url = bind(new HttpPolicy(server(), true, token, LIMITS));

    assertEquals(401, get(client(tls), url.resolve("/v1/vms")).statusCode());
    HttpClient nobody = client(trust);
    assertThrows(
        IOException.class,
        () -> get(nobody, url.resolve("/v1/vms"), "Authorization", "Bearer " + TOKEN));
    assertEquals(
        200,
        get(client(tls), url.resolve("/v1/vms"), "Authorization", "Bearer " + TOKEN).statusCode());
  }

  @Test
  void plainHttpGetsNoAnswer() throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));
    URI plain = URI.create("http://127.0.0.1:" + url.getPort() + "/v1/vms");

    assertThrows(IOException.class, () -> get(HttpClient.newHttpClient(), plain));
  }

  @Test
  void ciphersWithoutAuthenticationAreRefused() throws Exception {
    URI url = bind(new HttpPolicy(server(), false, token, LIMITS));
    HttpClient old =
        HttpClient.newBuilder()
            .sslContext(TlsIdentity.loadTrust(trust).context())
            .sslParameters(
                new SSLParameters(
                    new String[] {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
                    new String[] {"TLSv1.2"}))
            .build();

    assertThrows(IOException.class, () -> get(old, url.resolve("/v1/vms")));
  }

  /** A node keeps its guests while its certificate and its token are replaced. */
  @Test
  void anotherCertificateCountsForTheNextConnection() throws Exception {
    TestAuthority other = new TestAuthority("next");
    Path next = other.fill(directory.resolve("next"));
    TlsIdentity[] current = {TlsIdentity.load(tls, TlsIdentity.Side.SERVER)};
    URI url = bind(new HttpPolicy(() -> current[0], false, null, LIMITS));
    assertEquals(200, get(client(trust), url.resolve("/v1/vms")).statusCode());

    current[0] = TlsIdentity.load(next, TlsIdentity.Side.SERVER);

    assertEquals(200, get(client(next), url.resolve("/v1/vms")).statusCode());
    HttpClient former = client(trust);
    assertThrows(IOException.class, () -> get(former, url.resolve("/v1/vms")));
  }
}
