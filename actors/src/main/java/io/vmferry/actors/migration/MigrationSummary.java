package io.vmferry.actors.migration;

import org.jspecify.annotations.Nullable;

/**
 * The figures of a migration that succeeded, as one side saw it.
 *
 * @param migrationId the session
 * @param vm the guest's name
 * @param mode how memory travelled
 * @param hypervisor what runs the vCPUs: {@code kvm}
 * @param memoryBytes guest RAM
 * @param totalMillis from the request (source) or the first connection (destination) to the end
 * @param transferMillis source: from the first page's departure until the last one's, in postcopy
 *     from the pause until the destination had every page; 0 on a destination and without pages
 * @param downtimeMillis source: from pause to the acknowledged resume; destination: from State to
 *     resume; 0 for a guest that was paused before
 * @param resumeMillis from pause until the guest ran on the destination
 * @param fullMillis from pause until the last page was there
 * @param rounds precopy rounds, the last one included; 0 in other modes
 * @param bytesSent page bytes that crossed the connection
 * @param faultsServed demand page faults in postcopy; only the destination knows
 * @param faultMicrosP50 median demand fault latency as the destination saw it; 0 without faults
 * @param faultMicrosP99 its 99th percentile
 * @param throttlePercent how far the guest was slowed down in the end so that precopy converged
 * @param memoryDigest the memory's digest at the switchover, 16 hex digits; null if not asked for
 * @param paused whether the guest was handed over paused
 */
public record MigrationSummary(
    String migrationId,
    String vm,
    MemoryMode mode,
    String hypervisor,
    long memoryBytes,
    long totalMillis,
    double transferMillis,
    double downtimeMillis,
    double resumeMillis,
    double fullMillis,
    int rounds,
    long bytesSent,
    long faultsServed,
    long faultMicrosP50,
    long faultMicrosP99,
    int throttlePercent,
    @Nullable String memoryDigest,
    boolean paused) {}
