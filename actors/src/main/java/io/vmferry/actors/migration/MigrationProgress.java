package io.vmferry.actors.migration;

import org.jspecify.annotations.Nullable;

/**
 * How far a migration is.
 *
 * @param migrationId the session
 * @param vm the guest's name
 * @param phase what is being done
 * @param round precopy round, from 1; 0 before the first
 * @param bytesTotal guest memory in bytes
 * @param bytesSent page bytes sent so far, over all rounds
 * @param bytesLeft page bytes left in this round, or absent pages in postcopy
 * @param dirtyBytesPerSecond how fast the guest dirtied memory in the last round
 * @param bandwidthBytesPerSecond measured over the last round
 * @param expectedDowntimeMillis what a switchover would cost now; null while unknown
 * @param etaMillis time to the end of the round, or of the fill in postcopy; null while unknown
 * @param faultsServed demand page faults answered in postcopy; only the destination knows
 * @param throttlePercent share of time the vCPUs are kept out of the guest so that precopy
 *     converges; only the source knows
 */
public record MigrationProgress(
    String migrationId,
    String vm,
    MigrationPhase phase,
    int round,
    long bytesTotal,
    long bytesSent,
    long bytesLeft,
    long dirtyBytesPerSecond,
    long bandwidthBytesPerSecond,
    @Nullable Long expectedDowntimeMillis,
    @Nullable Long etaMillis,
    long faultsServed,
    int throttlePercent) {}
