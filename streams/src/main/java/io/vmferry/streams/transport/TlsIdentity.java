package io.vmferry.streams.transport;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/**
 * Who this host is on TLS connections, and which authority vouches for its peers: a TLS directory
 * with the file names of Cloud Hypervisor. TLS is mutual, versions 1.2 and 1.3.
 *
 * <p>A directory holds {@code ca-cert.pem} and, for the side that listens, {@code server-cert.pem}
 * and {@code server-key.pem}, for the one that connects {@code client-cert.pem} and {@code
 * client-key.pem}. Certificate files may hold a chain, the host's own certificate first. Keys are
 * PKCS#8, PKCS#1 (RSA) or SEC1 (EC) without a password. Source: Cloud Hypervisor,
 * vm-migration/src/tls.rs.
 *
 * <p>The files are read once: new ones count for what is loaded after. Thread-safe.
 */
public final class TlsIdentity {
  private static final String CA_FILE = "ca-cert.pem";
  private static final String[] PROTOCOLS = {"TLSv1.3", "TLSv1.2"};
  // Authenticated ciphers with ephemeral keys only, which is also all that rustls has.
  private static final Pattern CIPHERS =
      Pattern.compile("TLS_(AES|CHACHA20)_.*|TLS_ECDHE_(ECDSA|RSA)_WITH_.*(_GCM_|_CHACHA20_).*");
  private static final byte[] SAMPLE = {1, 2, 3, 4};

  /** Which of the two ends of a connection. */
  public enum Side {
    /** The end that connects: the source of a migration. */
    CLIENT("client"),
    /** The end that listens: the destination of a migration. */
    SERVER("server");

    private final String prefix;

    Side(String prefix) {
      this.prefix = prefix;
    }

    String certificateFile() {
      return prefix + "-cert.pem";
    }

    String keyFile() {
      return prefix + "-key.pem";
    }
  }

  // RFC 8446, 4.6.1: no ticket may live for longer than a week, so the JDK gives none then.
  private static final int NO_TICKET_SECONDS = 7 * 24 * 3600 + 1;

  private final Side side;
  private final SSLContext context;

  private TlsIdentity(Side side, SSLContext context) {
    this.side = side;
    this.context = context;
  }

  /**
   * Reads a TLS directory.
   *
   * @throws TransportException with one sentence for the user: a file is missing or unreadable, the
   *     key is open to every user of the host or does not belong to the certificate, a certificate
   *     has expired
   */
  public static TlsIdentity load(Path directory, Side side) throws TransportException {
    requireThere(directory, files(directory, side));
    List<X509Certificate> authorities = authorities(directory);
    Path certificateFile = directory.resolve(side.certificateFile());
    List<X509Certificate> chain = PemFiles.certificates(certificateFile);
    checkValid(certificateFile, chain.get(0));
    Path keyFile = directory.resolve(side.keyFile());
    PrivateKey key = PemFiles.privateKey(keyFile, chain.get(0).getPublicKey());
    checkPair(keyFile, key, certificateFile, chain.get(0).getPublicKey());
    try {
      return new TlsIdentity(side, context(authorities, keys(chain, key)));
    } catch (GeneralSecurityException | IOException e) {
      throw unusable(directory, e);
    }
  }

  /**
   * Reads a TLS directory for connections to servers that may not ask who this host is: without
   * {@code client-cert.pem} and {@code client-key.pem} it shows no certificate.
   *
   * @throws TransportException as {@link #load} does
   */
  public static TlsIdentity loadTrust(Path directory) throws TransportException {
    Side side = Side.CLIENT;
    if (Files.exists(directory.resolve(side.certificateFile()))
        || Files.exists(directory.resolve(side.keyFile()))) {
      return load(directory, side);
    }
    requireThere(directory, List.of(directory.resolve(CA_FILE)));
    try {
      return new TlsIdentity(side, context(authorities(directory), new KeyManager[0]));
    } catch (TransportException e) {
      throw e;
    } catch (GeneralSecurityException | IOException e) {
      throw unusable(directory, e);
    }
  }

  private static void requireThere(Path directory, List<Path> files) throws TransportException {
    if (!Files.isDirectory(directory)) {
      throw new TransportException("TLS directory " + directory + " is not a directory", null);
    }
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new TransportException(
            "TLS directory "
                + directory
                + " has no "
                + file.getFileName()
                + "; it needs "
                + files.stream()
                    .map(needed -> needed.getFileName().toString())
                    .collect(Collectors.joining(", ")),
            null);
      }
    }
  }

  private static List<X509Certificate> authorities(Path directory) throws TransportException {
    Path file = directory.resolve(CA_FILE);
    List<X509Certificate> authorities = PemFiles.certificates(file);
    for (X509Certificate authority : authorities) {
      checkValid(file, authority);
    }
    return authorities;
  }

  private static TransportException unusable(Path directory, Exception e) {
    return new TransportException(
        "TLS directory " + directory + " cannot be used: " + e.getMessage(), e);
  }

  /** The files of a TLS directory that {@link #load} reads, there or not. */
  public static List<Path> files(Path directory, Side side) {
    return Stream.of(CA_FILE, side.certificateFile(), side.keyFile())
        .map(directory::resolve)
        .toList();
  }

  private static void checkValid(Path file, X509Certificate certificate) throws TransportException {
    try {
      certificate.checkValidity();
    } catch (CertificateExpiredException e) {
      throw new TransportException(
          "Certificate "
              + file
              + " expired on "
              + certificate.getNotAfter().toInstant()
              + "; put a new one in its place",
          e);
    } catch (CertificateNotYetValidException e) {
      throw new TransportException(
          "Certificate "
              + file
              + " is valid from "
              + certificate.getNotBefore().toInstant()
              + " on only; check this host's clock",
          e);
    }
  }

  private static void checkPair(
      Path keyFile, PrivateKey key, Path certificateFile, PublicKey certified)
      throws TransportException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "EC" -> "SHA256withECDSA";
          case "RSA" -> "SHA256withRSA";
          default -> key.getAlgorithm(); // the EdDSA family: its key and signature have one name
        };
    boolean matches;
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(SAMPLE);
      byte[] signed = signature.sign();
      signature.initVerify(certified);
      signature.update(SAMPLE);
      matches = signature.verify(signed);
    } catch (GeneralSecurityException e) {
      matches = false;
    }
    if (!matches) {
      throw new TransportException(
          "Private key " + keyFile + " does not belong to certificate " + certificateFile, null);
    }
  }

  private static KeyManager[] keys(List<X509Certificate> chain, PrivateKey key)
      throws GeneralSecurityException, IOException {
    char[] noPassword = {}; // the store never leaves this process's memory
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    own.setKeyEntry("own", key, noPassword, chain.toArray(new Certificate[0]));
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(own, noPassword);
    return keys.getKeyManagers();
  }

  private static SSLContext context(List<X509Certificate> authorities, KeyManager[] keys)
      throws GeneralSecurityException, IOException {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    for (int i = 0; i < authorities.size(); i++) {
      trusted.setCertificateEntry("authority-" + i, authorities.get(i));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust.getTrustManagers(), null);
    // A client that writes only, as Cloud Hypervisor does on a memory connection it had no use for,
    // closes with a ticket unread, and what the server sees is a reset.
    context.getServerSessionContext().setSessionTimeout(NO_TICKET_SECONDS);
    return context;
  }

  /** Which files were loaded. */
  public Side side() {
    return side;
  }

  /** Keys and trust, for what makes its own engines. */
  public SSLContext context() {
    return context;
  }

  /** An engine for one connection that was accepted: the peer must show a certificate. */
  public SSLEngine engine() {
    return accepting(true);
  }

  /** The same for a peer that says in another way who it is, or need not. */
  public SSLEngine engineForAnyone() {
    return accepting(false);
  }

  private SSLEngine accepting(boolean needsCertificate) {
    requireSide(Side.SERVER);
    SSLEngine engine = context.createSSLEngine();
    engine.setUseClientMode(false);
    SSLParameters parameters = parameters(engine);
    parameters.setNeedClientAuth(needsCertificate);
    engine.setSSLParameters(parameters);
    return engine;
  }

  /**
   * An engine for one connection to a server, whose certificate must be for the host.
   *
   * @param host what the user called it, a name or an address
   */
  public SSLEngine engine(String host, int port) {
    requireSide(Side.CLIENT);
    SSLEngine engine = context.createSSLEngine(host, port);
    engine.setUseClientMode(true);
    SSLParameters parameters = parameters(engine);
    // RFC 2818, 3.1: the names in the certificate against the one the user gave.
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    engine.setSSLParameters(parameters);
    return engine;
  }

  private static SSLParameters parameters(SSLEngine engine) {
    SSLParameters parameters = engine.getSSLParameters();
    parameters.setProtocols(PROTOCOLS);
    parameters.setCipherSuites(
        Stream.of(engine.getSupportedCipherSuites())
            .filter(CIPHERS.asMatchPredicate())
            .toArray(String[]::new));
    return parameters;
  }

  private void requireSide(Side wanted) {
    if (side != wanted) {
      throw new IllegalStateException("this identity is for the side " + side);
    }
  }
}
