package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.TlsIdentity.Side;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsIdentityTest {
  private static final TestAuthority AUTHORITY = new TestAuthority("authority");

  @TempDir Path directory;

  @BeforeEach
  void fill() throws IOException {
    AUTHORITY.fill(directory);
  }

  @Test
  void loadsBothSidesOfOneDirectory() throws Exception {
    assertEquals(Side.SERVER, TlsIdentity.load(directory, Side.SERVER).side());
    assertFalse(TlsIdentity.load(directory, Side.SERVER).engine().getUseClientMode());
    assertTrue(TlsIdentity.load(directory, Side.CLIENT).engine("localhost", 1).getUseClientMode());
  }

  @Test
  void needsTheFilesOfItsOwnSideOnly() throws Exception {
    Files.delete(directory.resolve("client-cert.pem"));
    Files.delete(directory.resolve("client-key.pem"));

    TlsIdentity server = TlsIdentity.load(directory, Side.SERVER);

    assertTrue(server.engine().getSSLParameters().getNeedClientAuth());
  }

  @Test
  void aServerMayAskNobodyWhoTheyAre() throws Exception {
    var engine = TlsIdentity.load(directory, Side.SERVER).engineForAnyone();

    assertFalse(engine.getSSLParameters().getNeedClientAuth());
    assertEquals(Set.of("TLSv1.2", "TLSv1.3"), Set.of(engine.getEnabledProtocols()));
  }

  @Test
  void whoOnlyTrustsNeedsTheAuthorityOnly() throws Exception {
    for (String file : new String[] {"client-cert.pem", "client-key.pem"}) {
      Files.delete(directory.resolve(file));
    }
    assertEquals(Side.CLIENT, TlsIdentity.loadTrust(directory).side());

    Files.delete(directory.resolve("ca-cert.pem"));
    TransportException refused =
        assertThrows(TransportException.class, () -> TlsIdentity.loadTrust(directory));
    assertEquals(
        "TLS directory " + directory + " has no ca-cert.pem; it needs ca-cert.pem",
        refused.getMessage());
  }

  @Test
  void halfAnIdentityIsNotTakenForNone() throws Exception {
    Files.delete(directory.resolve("client-cert.pem"));

    TransportException refused =
        assertThrows(TransportException.class, () -> TlsIdentity.loadTrust(directory));

    assertTrue(refused.getMessage().contains("has no client-cert.pem"), refused::getMessage);
  }

  @Test
  void speaksModernVersionsAndCiphersOnly() throws Exception {
    var engine = TlsIdentity.load(directory, Side.CLIENT).engine("localhost", 1);

    assertEquals(Set.of("TLSv1.2", "TLSv1.3"), Set.of(engine.getEnabledProtocols()));
    for (String cipher : engine.getEnabledCipherSuites()) {
      assertTrue(cipher.matches(".*(GCM|CHACHA20).*"), cipher);
      assertFalse(cipher.startsWith("TLS_RSA"), cipher);
    }
    assertTrue(engine.getEnabledCipherSuites().length > 3);
  }

  @Test
  void readsKeysInEveryForm() throws Exception {
    KeyPair rsa = TestAuthority.rsaKeys();
    KeyPair ec = TestAuthority.ecKeys();
    for (KeyPair keys : new KeyPair[] {rsa, ec}) {
      TestAuthority.put(directory, "server", valid(keys));
      loadServer();
      TestAuthority.putKey(directory, "server", TestAuthority.pem(keys));
      loadServer();
      TestAuthority.putKey(
          directory, "server", "Public Key Info:\n\tBits: 256\n\n" + TestAuthority.pem(keys));
      loadServer();
    }
  }

  private static TestAuthority.Issued valid(KeyPair keys) {
    return AUTHORITY.issue(
        "s", keys, Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
  }

  private void loadServer() throws TransportException {
    assertEquals(Side.SERVER, TlsIdentity.load(directory, Side.SERVER).side());
  }

  @Test
  void saysWhichFileIsMissing() throws Exception {
    Files.delete(directory.resolve("server-key.pem"));

    assertRefused(
        "TLS directory "
            + directory
            + " has no server-key.pem; it needs ca-cert.pem, server-cert.pem, server-key.pem");
    TransportException none =
        assertThrows(
            TransportException.class,
            () -> TlsIdentity.load(directory.resolve("none"), Side.SERVER));
    assertEquals(
        "TLS directory " + directory.resolve("none") + " is not a directory", none.getMessage());
  }

  @Test
  void refusesAKeyThatEveryUserCanRead() throws Exception {
    Path key = directory.resolve("server-key.pem");
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r--r--"));

    assertRefused(
        "Private key "
            + key
            + " is open to every user of this host (rw-r--r--); run chmod 600 on it");
  }

  @Test
  void refusesAnExpiredCertificate() throws Exception {
    Instant end =
        Instant.now().minus(Duration.ofDays(1)).truncatedTo(java.time.temporal.ChronoUnit.SECONDS);
    TestAuthority.put(
        directory,
        "server",
        AUTHORITY.issue("s", TestAuthority.ecKeys(), end.minusSeconds(60), end, "localhost"));

    assertRefused(
        "Certificate "
            + directory.resolve("server-cert.pem")
            + " expired on "
            + end
            + "; put a new one in its place");
  }

  @Test
  void refusesACertificateThatIsNotValidYet() throws Exception {
    Instant begin = Instant.now().plus(Duration.ofDays(1));
    TestAuthority.put(
        directory,
        "server",
        AUTHORITY.issue("s", TestAuthority.ecKeys(), begin, begin.plusSeconds(60)));

    String message = refusal();

    assertTrue(message.endsWith("on only; check this host's clock"), message);
  }

  @Test
  void refusesAKeyOfAnotherCertificate() throws Exception {
    TestAuthority.putKey(directory, "server", TestAuthority.pkcs8(TestAuthority.ecKeys()));
    assertRefused(
        "Private key "
            + directory.resolve("server-key.pem")
            + " does not belong to certificate "
            + directory.resolve("server-cert.pem"));

    TestAuthority.putKey(directory, "server", TestAuthority.pkcs8(TestAuthority.rsaKeys()));
    assertRefused(
        "Private key "
            + directory.resolve("server-key.pem")
            + " cannot be read as the EC key of its certificate");
  }

  @Test
  void saysNothingOfTheContentOfADamagedKey() throws Exception {
    TestAuthority.putKey(
        directory,
        "server",
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IQ==\n-----END PRIVATE KEY-----\n");

    TransportException e =
        assertThrows(TransportException.class, () -> TlsIdentity.load(directory, Side.SERVER));

    assertNull(e.getCause());
    assertFalse(e.getMessage().contains("c2Vj") || e.getMessage().contains("secret"));
  }

  @Test
  void refusesWhatIsNotPem() throws Exception {
    TestAuthority.putKey(directory, "server", "hello");
    assertRefused("File " + directory.resolve("server-key.pem") + " holds no private key in PEM");

    Files.writeString(directory.resolve("server-cert.pem"), "hello");
    assertRefused("File " + directory.resolve("server-cert.pem") + " holds no certificate in PEM");
  }

  @Test
  void refusesAnEncryptedKey() throws Exception {
    TestAuthority.putKey(
        directory,
        "server",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");

    assertRefused(
        "Private key "
            + directory.resolve("server-key.pem")
            + " is encrypted; write it without a password");
  }

  private void assertRefused(String message) {
    assertEquals(message, refusal());
  }

  private String refusal() {
    return String.valueOf(
        assertThrows(TransportException.class, () -> TlsIdentity.load(directory, Side.SERVER))
            .getMessage());
  }
}
