package io.vmferry.actors.migration;

import io.vmferry.streams.transport.MigrationUrl;
import org.jspecify.annotations.Nullable;

/**
 * How a guest is to be received.
 *
 * @param receiverUrl where to listen: {@code tcp:host:port} (port 0 picks a free one) or {@code
 *     unix:/path}
 * @param mode how memory travels; the source must use the same
 * @param verify whether to compute a digest of the guest's memory before it runs here
 * @param extensions whether extensions that the source offers are taken
 * @param vmName the name the guest gets here, or null for the one it brings
 * @param prefault whether to make every page of the guest's memory before any is received: costs
 *     time before the migration and saves it during
 * @param tlsDir the directory of this host's TLS files, to take a source with TLS only; null for
 *     none
 */
public record ReceiveOptions(
    String receiverUrl,
    MemoryMode mode,
    boolean verify,
    boolean extensions,
    @Nullable String vmName,
    boolean prefault,
    @Nullable String tlsDir) {

  /**
   * Checks the address.
   *
   * @throws IllegalArgumentException with one sentence for the user if it cannot be used
   */
  public ReceiveOptions {
    MigrationUrl url = MigrationUrl.parse(receiverUrl);
    if (mode == MemoryMode.LOCAL && !(url instanceof MigrationUrl.Unix)) {
      throw new IllegalArgumentException(
          "A local migration hands memory over through a UNIX socket; use unix:/path");
    }
    if (tlsDir != null && url instanceof MigrationUrl.Unix) {
      throw new IllegalArgumentException("TLS is for tcp: addresses; leave tls_dir out");
    }
    if (prefault && mode != MemoryMode.PRECOPY && mode != MemoryMode.HYBRID) {
      throw new IllegalArgumentException("Only precopy and hybrid receive into prefaulted memory");
    }
  }
}
