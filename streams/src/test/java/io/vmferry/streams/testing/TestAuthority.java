package io.vmferry.streams.testing;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** A certificate authority of a test, and the TLS directories it fills. */
public final class TestAuthority {
  private static final AtomicLong SERIAL = new AtomicLong(1);
  private static final Duration HOUR = Duration.ofHours(1);

  private final X500Name name;
  private final KeyPair keys = ecKeys();
  private final X509Certificate certificate;

  /** A new authority; two of one name are still two. */
  public TestAuthority(String name) {
    this.name = new X500Name("CN=" + name);
    this.certificate =
        sign(this.name, keys, Instant.now().minus(HOUR), Instant.now().plus(HOUR), true);
  }

  /** A key and its certificate. */
  public record Issued(KeyPair keys, X509Certificate certificate) {}

  /** A certificate for an hour. */
  public Issued issue(String subject, String... hosts) {
    return issue(subject, ecKeys(), Instant.now().minus(HOUR), Instant.now().plus(HOUR), hosts);
  }

  /** A certificate for the hosts, names or IPv4 addresses. */
  public Issued issue(String subject, KeyPair own, Instant from, Instant to, String... hosts) {
    return new Issued(own, sign(new X500Name("CN=" + subject), own, from, to, false, hosts));
  }

  /** Fills a directory for both sides; the server's certificate is for this host. */
  public Path fill(Path directory) throws IOException {
    Files.createDirectories(directory);
    write(directory.resolve("ca-cert.pem"), pem(certificate));
    put(directory, "server", issue("server", "localhost", "127.0.0.1"));
    put(directory, "client", issue("client"));
    return directory;
  }

  /** Puts a certificate and its key, in PKCS#8 and for the owner only, into a directory. */
  public static void put(Path directory, String side, Issued issued) throws IOException {
    write(directory.resolve(side + "-cert.pem"), pem(issued.certificate()));
    putKey(directory, side, pkcs8(issued.keys()));
  }

  /** Puts a key in some form of PEM, for the owner only. */
  public static void putKey(Path directory, String side, String pem) throws IOException {
    Path file = directory.resolve(side + "-key.pem");
    write(file, pem);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  /** An RSA key pair. */
  public static KeyPair rsaKeys() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A key pair on P-256. */
  public static KeyPair ecKeys() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** PKCS#8: {@code BEGIN PRIVATE KEY}. */
  public static String pkcs8(KeyPair keys) {
    return "-----BEGIN PRIVATE KEY-----\n"
        + java.util.Base64.getMimeEncoder().encodeToString(keys.getPrivate().getEncoded())
        + "\n-----END PRIVATE KEY-----\n";
  }

  /** The older forms: PKCS#1 for RSA, SEC1 for EC; or a certificate. */
  public static String pem(Object object) {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(object);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private X509Certificate sign(
      X500Name subject,
      KeyPair subjectKeys,
      Instant from,
      Instant to,
      boolean authority,
      String... hosts) {
    try {
      X509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              name,
              BigInteger.valueOf(SERIAL.getAndIncrement()),
              Date.from(from),
              Date.from(to),
              subject,
              subjectKeys.getPublic());
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      if (hosts.length > 0) {
        GeneralName[] names =
            Stream.of(hosts).map(TestAuthority::hostName).toArray(GeneralName[]::new);
        builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
      }
      return new JcaX509CertificateConverter()
          .getCertificate(
              builder.build(
                  new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate())));
    } catch (IOException | GeneralSecurityException | OperatorCreationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static GeneralName hostName(String host) {
    boolean address = host.matches("[0-9.]+");
    return new GeneralName(address ? GeneralName.iPAddress : GeneralName.dNSName, host);
  }

  private static void write(Path file, String text) throws IOException {
    Files.writeString(file, text);
  }
}
