package io.vmferry.actors.ownership;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.streams.wire.MigrationKey;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What is on disk of a guest's arrival, until the source is known to know how it ended.
 *
 * @param id the destination's name for the migration
 * @param url where it listens, with the port that was bound
 * @param tlsDir the directory of this host's TLS files; null for none
 * @param sourceCertificate the certificate that the source proved itself with, DER in Base64; null
 *     without TLS
 * @param extensions what both sides know, as it travelled
 * @param key what the source proves itself with when it comes back; null if it cannot
 * @param taken whether the guest is this host's; not taken, it is the source's
 */
@JsonNaming(SnakeCaseStrategy.class)
public record ArrivalRecord(
    String id,
    String url,
    @Nullable String tlsDir,
    @Nullable String sourceCertificate,
    int extensions,
    @Nullable MigrationKey key,
    boolean taken) {

  /** Checks that nothing lacks. */
  public ArrivalRecord {
    Objects.requireNonNull(id);
    Objects.requireNonNull(url);
  }

  ArrivalRecord taken(boolean isTaken) {
    return new ArrivalRecord(id, url, tlsDir, sourceCertificate, extensions, key, isTaken);
  }
}
