package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * Body of {@code POST /v1/migrations}: a migration through the orchestrator.
 *
 * @param vm the VM, wherever in the cluster it is
 * @param to the destination node's name
 * @param mode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param connections 1 to 128
 * @param bandwidthBytesPerSecond 0 for no limit
 * @param downtimeMs what precopy aims for
 * @param timeoutS how long rounds may go on
 * @param timeoutStrategy {@code cancel} or {@code ignore}
 * @param verify whether to compare memory digests of both sides
 * @param compression {@code auto}, {@code zstd}, {@code lz4} or {@code off}; absent for auto
 * @param autoConverge whether precopy may slow the guest down; absent for true
 */
@JsonNaming(SnakeCaseStrategy.class)
public record MigrateRequest(
    String vm,
    String to,
    String mode,
    int connections,
    long bandwidthBytesPerSecond,
    long downtimeMs,
    long timeoutS,
    String timeoutStrategy,
    boolean verify,
    @Nullable String compression,
    @Nullable Boolean autoConverge) {}
