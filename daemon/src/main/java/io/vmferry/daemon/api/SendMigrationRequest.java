package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * Body of {@code POST /v1/vms/{name}/send-migration}.
 *
 * @param destinationUrl {@code tcp:host:port} or {@code unix:/path}
 * @param memoryMode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param connections 1 to 128
 * @param downtimeMs what precopy aims for
 * @param timeoutS how long rounds may go on
 * @param timeoutStrategy {@code cancel} or {@code ignore}
 * @param bandwidthBytesPerSecond 0 for no limit
 * @param verify whether to compare memory digests of both sides
 * @param extensions whether to offer extensions of the protocol; absent for true
 * @param compression {@code auto}, {@code zstd}, {@code lz4} or {@code off}; absent for auto
 * @param autoConverge whether precopy may slow the guest down; absent for true
 */
@JsonNaming(SnakeCaseStrategy.class)
public record SendMigrationRequest(
    String destinationUrl,
    String memoryMode,
    int connections,
    long downtimeMs,
    long timeoutS,
    String timeoutStrategy,
    long bandwidthBytesPerSecond,
    boolean verify,
    @Nullable Boolean extensions,
    @Nullable String compression,
    @Nullable Boolean autoConverge) {}
