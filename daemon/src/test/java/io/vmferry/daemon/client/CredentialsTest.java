package io.vmferry.daemon.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.vmferry.daemon.access.BearerToken;
import io.vmferry.daemon.testing.FakeNode;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a token goes and where it does not, and which nodes are believed. */
@Timeout(60)
class CredentialsTest {
  private static final String TOKEN = "0123456789abcdef";
  private static final String VMS = "{\"vms\":[]}";

  @TempDir private Path directory;
  private Credentials credentials;

  @BeforeEach
  void load() throws IOException {
    Path file = Files.writeString(directory.resolve("token"), TOKEN);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    credentials = new Credentials(BearerToken.load(file), null);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
        "https://192.0.2.1:1"
      })
  void aTokenGoesToThisHostAndUnderTls(String node) {
    assertEquals(URI.create(node), new NodeClient(URI.create(node), credentials).node());
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://192.0.2.1:1", "http://no-such-host.invalid:1"})
  void aTokenDoesNotLeaveThisHostInTheClear(String node) {
    URI url = URI.create(node);

    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> new NodeClient(url, credentials));

    assertTrue(refused.getMessage().startsWith("The token is not sent to " + node));
  }

  @Test
  void everyRequestShowsIt() throws Exception {
    try (FakeNode node = new FakeNode()) {
      node.answer("GET /v1/vms", 200, VMS);

      new NodeClient(node.url(), credentials).listVms();
      new NodeClient(node.url(), credentials).isReady();

      assertEquals("Bearer " + TOKEN, node.requests().take().authorization());
      assertEquals("Bearer " + TOKEN, node.requests().take().authorization());
    }
  }

  @Test
  void anotherNodeOfTheClusterIsShownItToo() throws Exception {
    try (FakeNode node = new FakeNode()) {
      node.answer("GET /v1/vms", 200, VMS);

      new NodeClient(URI.create("http://127.0.0.1:1"), credentials).of(node.url()).listVms();

      assertEquals("Bearer " + TOKEN, node.requests().take().authorization());
    }
  }

  /** Who could tell lies in the cluster could say that a node is at such a URL. */
  @Test
  void anotherNodeIsNotShownItInTheClearIfTheFirstHasTls() throws Exception {
    try (FakeNode node = new FakeNode()) {
      node.answer("GET /v1/vms", 200, VMS);

      new NodeClient(URI.create("https://127.0.0.1:1"), credentials).of(node.url()).listVms();

      assertNull(node.requests().take().authorization());
    }
  }

  @Test
  void aNodeWhoseCertificateHasExpiredIsNotBelieved() throws Exception {
    TestAuthority authority = new TestAuthority("authority");
    TlsIdentity trust = TlsIdentity.loadTrust(authority.fill(directory.resolve("tls")));
    TestAuthority.Issued expired =
        authority.issue(
            "server",
            TestAuthority.ecKeys(),
            Instant.now().minus(Duration.ofHours(1)),
            Instant.now().minus(Duration.ofMinutes(1)),
            "127.0.0.1");
    HttpsServer server =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context(expired)));
    server.start();
    try {
      URI url = URI.create("https://127.0.0.1:" + server.getAddress().getPort());
      NodeClient client = new NodeClient(url, new Credentials(null, trust));

      NodeDistrustException distrust =
          assertThrows(NodeDistrustException.class, () -> client.listVms());

      assertEquals("the peer's certificate has expired", distrust.getMessage());
      assertEquals(url, distrust.node());
    } finally {
      server.stop(0);
    }
  }

  private static SSLContext context(TestAuthority.Issued issued)
      throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    char[] noPassword = {};
    store.setKeyEntry(
        "own", issued.keys().getPrivate(), noPassword, new Certificate[] {issued.certificate()});
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, noPassword);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    return context;
  }
}
