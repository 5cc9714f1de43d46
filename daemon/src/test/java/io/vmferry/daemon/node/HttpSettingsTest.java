package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.testing.TestAuthority;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which addresses a node may listen on, and what it needs there. */
class HttpSettingsTest {
  private static final String ANYWHERE = "0.0.0.0:8700";

  @TempDir private Path directory;
  private Path tls;
  private Path token;

  @BeforeEach
  void write() throws IOException {
    tls = new TestAuthority("authority").fill(directory.resolve("tls"));
    token = Files.writeString(directory.resolve("token"), "0123456789abcdef");
    Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
  }

  private static HttpSettings read(HttpFlags flags) {
    return NodeSettings.read(new NodeFlags(null, null, flags, null, List.of(), null, null, null))
        .http();
  }

  private HttpSettings readFile(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("node.conf"), text);
    return NodeSettings.read(
            new NodeFlags(file, null, HttpFlags.at(null), null, List.of(), null, null, null))
        .http();
  }

  private static String refused(
      String address, @Nullable Path tls, @Nullable Path token, @Nullable Boolean certificates) {
    NodeFailure failure =
        assertThrows(
            NodeFailure.class, () -> read(new HttpFlags(address, tls, token, certificates)));
    assertTrue(failure.isUsage());
    return String.valueOf(failure.getMessage());
  }

  @Test
  void loopbackNeedsNothing() {
    for (String address : List.of("127.0.0.1:0", "localhost:0", "[::1]:0", "127.9.9.9:0")) {
      assertNull(read(HttpFlags.at(address)).policy().tls());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {ANYWHERE, "192.0.2.1:8700", "[::]:8700"})
  void otherAddressesNeedTls(String address) {
    for (Path file : new Path[] {null, token}) {
      String message = refused(address, null, file, null);

      assertEquals(
          "--http "
              + address
              + " is not a loopback address: give it TLS with --http-tls-dir, and"
              + " --http-token-file or --http-client-certificates to tell who may ask, or write"
              + " 127.0.0.1:8700",
          message);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {ANYWHERE, "192.0.2.1:8700", "[::]:8700"})
  void otherAddressesNeedAWayToTellWhoAsks(String address) {
    assertEquals(
        "--http "
            + address
            + " is not a loopback address: say who may ask with --http-token-file or"
            + " --http-client-certificates, or write 127.0.0.1:8700",
        refused(address, tls, null, false));
  }

  @Test
  void otherAddressesAreTakenWithTlsAndEither() {
    assertNotNull(read(new HttpFlags(ANYWHERE, tls, token, null)).policy().token());
    assertTrue(read(new HttpFlags(ANYWHERE, tls, null, true)).policy().clientCertificates());
    assertEquals(
        "https://north:1", read(new HttpFlags(ANYWHERE, tls, token, true)).url("north", 1));
  }

  @Test
  void theFileSaysItToo() throws Exception {
    HttpSettings settings =
        readFile(
            "vmferry.node.http { address = \"0.0.0.0:1\", tls-dir = \"%s\", token-file = \"%s\","
                    .formatted(tls, token)
                + " client-certificates = true }");

    assertEquals(new HostPort("0.0.0.0", 1), settings.address());
    assertNotNull(settings.policy().tls());
    assertNotNull(settings.policy().token());
    assertTrue(settings.policy().clientCertificates());
  }

  @Test
  void clientCertificatesNeedTls() {
    assertTrue(
        refused("127.0.0.1:0", null, null, true)
            .startsWith("--http-client-certificates needs TLS"));
  }

  @Test
  void aKeyThatEverybodyCanReadIsRefused() throws Exception {
    Files.setPosixFilePermissions(
        tls.resolve("server-key.pem"), PosixFilePermissions.fromString("rw-r--r--"));

    assertTrue(refused(ANYWHERE, tls, token, null).contains("chmod 600"));
  }

  @Test
  void aTokenThatOthersCanReadIsRefused() throws Exception {
    Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-r-----"));

    assertTrue(refused(ANYWHERE, tls, token, null).contains("chmod 600"));
  }
}
