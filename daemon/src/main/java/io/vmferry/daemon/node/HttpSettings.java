package io.vmferry.daemon.node;

import com.typesafe.config.Config;
import io.vmferry.daemon.access.BearerToken;
import io.vmferry.daemon.access.Reloaded;
import io.vmferry.daemon.http.HttpLimits;
import io.vmferry.daemon.http.HttpPolicy;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A node's management routes: where they are, and who may ask. Off loopback they have TLS and a way
 * for callers to prove who they are, or there is no node.
 *
 * @param address where they listen
 * @param policy who may ask
 */
public record HttpSettings(HostPort address, HttpPolicy policy) {
  private static final String FLAG = "--http";

  /**
   * Reads and checks them, and the files they name.
   *
   * @param config {@code vmferry.node.http}
   * @throws NodeFailure with one sentence for the user if something is wrong
   */
  static HttpSettings read(HttpFlags flags, Config config) {
    HostPort address =
        HostPort.parse(
            FLAG, flags.address() == null ? config.getString("address") : flags.address());
    Path tlsDir = NodeSettings.path(flags.tlsDir(), config.getString("tls-dir"));
    Path tokenFile = NodeSettings.path(flags.tokenFile(), config.getString("token-file"));
    boolean certificates =
        flags.clientCertificates() == null
            ? config.getBoolean("client-certificates")
            : flags.clientCertificates();
    if (certificates && tlsDir == null) {
      throw NodeFailure.usage(
          "--http-client-certificates needs TLS: name the node's certificate with --http-tls-dir");
    }
    if (!address.address(FLAG).isLoopbackAddress()) {
      checkProtected(address, tlsDir, tokenFile != null || certificates);
    }
    return new HttpSettings(address, policy(tlsDir, certificates, tokenFile, limits(config)));
  }

  private static void checkProtected(HostPort address, @Nullable Path tlsDir, boolean proof) {
    String what = FLAG + " " + address + " is not a loopback address: ";
    String otherwise = ", or write 127.0.0.1:" + address.port();
    if (tlsDir == null) {
      throw NodeFailure.usage(
          what
              + "give it TLS with --http-tls-dir, and --http-token-file or"
              + " --http-client-certificates to tell who may ask"
              + otherwise);
    }
    if (!proof) {
      throw NodeFailure.usage(
          what
              + "say who may ask with --http-token-file or --http-client-certificates"
              + otherwise);
    }
  }

  private static HttpLimits limits(Config config) {
    HttpLimits limits =
        new HttpLimits(
            config.getInt("requests-per-second"),
            config.getInt("burst"),
            config.getDuration("request-time"));
    if (limits.requestsPerSecond() < 1
        || limits.burst() < 1
        || limits.requestTime().toMillis() < 1) {
      throw NodeFailure.usage(
          "requests-per-second, burst and request-time of vmferry.node.http must be above zero");
    }
    return limits;
  }

  private static HttpPolicy policy(
      @Nullable Path tlsDir, boolean certificates, @Nullable Path tokenFile, HttpLimits limits) {
    try {
      return new HttpPolicy(
          tlsDir == null
              ? null
              : Reloaded.of(
                  TlsIdentity.files(tlsDir, TlsIdentity.Side.SERVER),
                  () -> TlsIdentity.load(tlsDir, TlsIdentity.Side.SERVER)),
          certificates,
          tokenFile == null
              ? null
              : Reloaded.of(List.of(tokenFile), () -> BearerToken.load(tokenFile)),
          limits);
    } catch (IOException e) {
      throw NodeFailure.usage(String.valueOf(e.getMessage()));
    }
  }

  /** Where others reach it. */
  String url(String host, int port) {
    return (policy.tls() == null ? "http://" : "https://") + new HostPort(host, port);
  }
}
