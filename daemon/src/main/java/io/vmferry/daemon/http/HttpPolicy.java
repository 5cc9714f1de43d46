package io.vmferry.daemon.http;

import io.vmferry.daemon.access.BearerToken;
import io.vmferry.streams.transport.TlsIdentity;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Who may ask a node, and how.
 *
 * @param tls what the node shows its callers, asked at every connection; null for plain HTTP
 * @param clientCertificates whether callers must show a certificate of the same authority; with TLS
 *     only
 * @param token what every request must show, asked at every request; null for no token
 * @param limits what one caller may take
 */
public record HttpPolicy(
    @Nullable Supplier<TlsIdentity> tls,
    boolean clientCertificates,
    @Nullable Supplier<BearerToken> token,
    HttpLimits limits) {
  /** Refuses what makes no sense. */
  public HttpPolicy {
    if (clientCertificates && tls == null) {
      throw new IllegalArgumentException("client certificates need TLS");
    }
  }

  /** Whether callers prove who they are. */
  public boolean provesCallers() {
    return clientCertificates || token != null;
  }
}
