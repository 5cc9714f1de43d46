package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * How far a migration is: the data of a {@code progress} event.
 *
 * @param phase {@code queued}, {@code connecting}, {@code preparing}, {@code precopy}, {@code
 *     switchover}, {@code postcopy} or {@code ended}
 * @param round the precopy round, from 1; 0 before the first
 * @param bytesTotal guest memory
 * @param bytesSent page bytes sent so far in all rounds
 * @param bytesLeft page bytes left in this round, or in postcopy what the destination still lacks
 * @param dirtyBytesPerSecond how fast the guest dirties memory
 * @param bandwidthBytesPerSecond how fast pages went lately
 * @param expectedDowntimeMs what switchover now would cost
 * @param etaMs time left, where it can be told
 * @param faultsServed postcopy: pages sent because the guest asked for them
 * @param throttlePercent how far the guest is slowed down so that precopy converges; 0 for not at
 *     all
 */
@JsonNaming(SnakeCaseStrategy.class)
public record ProgressView(
    String phase,
    int round,
    long bytesTotal,
    long bytesSent,
    long bytesLeft,
    long dirtyBytesPerSecond,
    long bandwidthBytesPerSecond,
    @Nullable Double expectedDowntimeMs,
    @Nullable Double etaMs,
    long faultsServed,
    int throttlePercent) {}
