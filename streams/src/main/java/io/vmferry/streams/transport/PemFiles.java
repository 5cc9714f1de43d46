package io.vmferry.streams.transport;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads certificates and private keys in PEM. The JDK reads the certificates, and keys in PKCS#8;
 * the older key formats, which openssl and certtool still write, are put into PKCS#8's frame here.
 */
final class PemFiles {
  // Chains and keys are some KiB; whatever else is named so should not fill the heap.
  private static final long MAX_BYTES = 1 << 20;
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----([^-]+)-----END \\1-----");

  private static final int SEQUENCE = 0x30;
  private static final int OCTET_STRING = 0x04;
  private static final byte[] VERSION_0 = {0x02, 0x01, 0x00};

  private PemFiles() {}

  /**
   * The certificates of a file, at least one.
   *
   * @throws TransportException with one sentence for the user
   */
  static List<X509Certificate> certificates(Path file) throws TransportException {
    byte[] bytes = read(file);
    try {
      List<X509Certificate> certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(bytes))
              .stream()
              .map(X509Certificate.class::cast)
              .toList();
      if (certificates.isEmpty()) {
        throw new CertificateException("there is none");
      }
      return certificates;
    } catch (CertificateException e) {
      throw new TransportException("File " + file + " holds no certificate in PEM", e);
    }
  }

  /**
   * The private key of a file that nobody but its owner and group may use.
   *
   * @param certified the public key it should belong to, which says its algorithm
   * @throws TransportException with one sentence for the user, which says nothing of the content
   */
  static PrivateKey privateKey(Path file, PublicKey certified) throws TransportException {
    checkPermissions(file);
    Matcher pem = KEY.matcher(new String(read(file), StandardCharsets.US_ASCII));
    if (!pem.find()) {
      throw new TransportException("File " + file + " holds no private key in PEM", null);
    }
    try {
      byte[] der = Base64.getMimeDecoder().decode(pem.group(2));
      byte[] pkcs8 =
          switch (pem.group(1)) {
            case "PRIVATE KEY" -> der;
            case "RSA PRIVATE KEY", "EC PRIVATE KEY" -> framed(der, certified);
            case "ENCRYPTED PRIVATE KEY" ->
                throw new TransportException(
                    "Private key " + file + " is encrypted; write it without a password", null);
            default ->
                throw new TransportException(
                    "Private key " + file + " is a '" + pem.group(1) + "'; use RSA or EC", null);
          };
      return KeyFactory.getInstance(certified.getAlgorithm())
          .generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      // Without the cause, which may quote the key.
      throw new TransportException(
          "Private key "
              + file
              + " cannot be read as the "
              + certified.getAlgorithm()
              + " key of its certificate",
          null);
    }
  }

  private static void checkPermissions(Path file) throws TransportException {
    Set<PosixFilePermission> permissions;
    try {
      permissions = Files.getPosixFilePermissions(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    if (permissions.contains(PosixFilePermission.OTHERS_READ)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new TransportException(
          "Private key "
              + file
              + " is open to every user of this host ("
              + PosixFilePermissions.toString(permissions)
              + "); run chmod 600 on it",
          null);
    }
  }

  private static byte[] read(Path file) throws TransportException {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new TransportException("File " + file + " is too long to be in PEM", null);
      }
      return Files.readAllBytes(file);
    } catch (TransportException e) {
      throw e;
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static TransportException unreadable(Path file, IOException e) {
    return new TransportException("Cannot read " + file + ": " + e.getMessage(), e);
  }

  /**
   * PKCS#8 around an older format. Source: RFC 5208, 5, PrivateKeyInfo: version, algorithm, key.
   * The algorithm is the one that the certificate names for its public key (RFC 5280, 4.1,
   * SubjectPublicKeyInfo: algorithm, key).
   */
  private static byte[] framed(byte[] key, PublicKey certified) {
    byte[] info = certified.getEncoded();
    int algorithm = contentOffset(info, 0);
    int end = contentOffset(info, algorithm) + contentLength(info, algorithm);
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    content.writeBytes(VERSION_0);
    content.write(info, algorithm, end - algorithm);
    content.writeBytes(tagged(OCTET_STRING, key));
    return tagged(SEQUENCE, content.toByteArray());
  }

  /** Tag, length, content in DER. Source: ITU-T X.690, 8.1.3. */
  private static byte[] tagged(int tag, byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (content.length < 0x80) {
      out.write(content.length);
    } else {
      out.write(0x82);
      out.write(content.length >> 8);
      out.write(content.length);
    }
    out.writeBytes(content);
    return out.toByteArray();
  }

  private static int contentOffset(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    return at + 2 + (first < 0x80 ? 0 : first & 0x7f);
  }

  private static int contentLength(byte[] der, int at) {
    int first = der[at + 1] & 0xff;
    if (first < 0x80) {
      return first;
    }
    int length = 0;
    for (int i = 0; i < (first & 0x7f); i++) {
      length = (length << 8) | (der[at + 2 + i] & 0xff);
    }
    return length;
  }
}
