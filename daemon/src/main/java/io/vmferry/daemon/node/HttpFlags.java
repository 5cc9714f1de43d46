package io.vmferry.daemon.node;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says of the management routes; absent values come from the configuration
 * file or the defaults.
 *
 * @param address host:port to listen on
 * @param tlsDir this node's TLS directory
 * @param tokenFile with the token that callers must show
 * @param clientCertificates whether callers must show a certificate
 */
public record HttpFlags(
    @Nullable String address,
    @Nullable Path tlsDir,
    @Nullable Path tokenFile,
    @Nullable Boolean clientCertificates) {
  /** Nothing but perhaps where to listen. */
  public static HttpFlags at(@Nullable String address) {
    return new HttpFlags(address, null, null, null);
  }
}
