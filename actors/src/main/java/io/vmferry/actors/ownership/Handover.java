package io.vmferry.actors.ownership;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.streams.wire.MigrationKey;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A handover that the destination may have taken.
 *
 * @param migrationId the source's name for it
 * @param destinationUrl where the destination listened
 * @param tlsDir the directory of this host's TLS files; null for connections without TLS
 * @param key what the destination knows the migration by; null if it cannot be asked
 * @param lacksPages whether the guest needed pages of the source afterwards
 */
@JsonNaming(SnakeCaseStrategy.class)
public record Handover(
    String migrationId,
    String destinationUrl,
    @Nullable String tlsDir,
    @Nullable MigrationKey key,
    boolean lacksPages) {

  /** Checks that nothing lacks. */
  public Handover {
    Objects.requireNonNull(migrationId);
    Objects.requireNonNull(destinationUrl);
  }
}
