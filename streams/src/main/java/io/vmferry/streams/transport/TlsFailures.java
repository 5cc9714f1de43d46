package io.vmferry.streams.transport;

import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** What a failure of TLS means to the user: which side's certificate is wrong, and how. */
public final class TlsFailures {
  private static final Pattern ALERT = Pattern.compile("fatal alert: (\\w+)");

  private TlsFailures() {}

  /** One clause, without the connection. */
  public static String explain(SSLException failure) {
    String text = String.valueOf(failure.getMessage());
    Matcher alert = ALERT.matcher(text);
    if (alert.find()) {
      return alert(alert.group(1));
    }
    String certificate = certificate(failure);
    if (certificate != null) {
      return certificate;
    }
    if (text.contains("Empty") && text.contains("certificate chain")) {
      return "the peer showed no certificate";
    }
    if (text.toLowerCase(Locale.ROOT).contains("unrecognized ssl message")) {
      return "the peer does not speak TLS; give both sides a TLS directory";
    }
    return "TLS failed: " + text;
  }

  /** What the peer has told this side. Source: RFC 8446, 6.2. */
  private static String alert(String name) {
    return switch (name) {
      case "certificate_expired" -> "the peer says that this host's certificate has expired";
      case "certificate_unknown", "unknown_ca", "bad_certificate", "certificate_required" ->
          "the peer does not accept this host's certificate ("
              + name
              + "); it must not have expired and must come from the authority in the peer's"
              + " ca-cert.pem";
      case "protocol_version", "handshake_failure", "insufficient_security" ->
          "the peer and this host have no TLS version and cipher in common (" + name + ")";
      default -> "the peer ended TLS (" + name + ")";
    };
  }

  /** What is wrong with the peer's certificate, null if it is something else. */
  private static @Nullable String certificate(Throwable failure) {
    String found = null;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof CertificateExpiredException) {
        return "the peer's certificate has expired";
      }
      if (cause instanceof CertificateNotYetValidException) {
        return "the peer's certificate is not valid yet; check the clocks of both hosts";
      }
      if (cause instanceof CertPathBuilderException
          || cause instanceof CertPathValidatorException) {
        found = "the peer's certificate does not come from the authority in ca-cert.pem";
      } else if (cause instanceof CertificateException && found == null) {
        found = "the peer's certificate is not for this host name: " + cause.getMessage();
      }
    }
    return found;
  }
}
