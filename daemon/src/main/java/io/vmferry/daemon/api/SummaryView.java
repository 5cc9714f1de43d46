package io.vmferry.daemon.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * The figures of a finished migration; quickstart's last line has the same.
 *
 * @param mode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param hypervisor {@code kvm} or {@code software}
 * @param memoryBytes guest memory
 * @param totalMs from the request to the end
 * @param transferMs from the first page's departure until the last one's, in postcopy from the
 *     pause until the destination had every page; only the source knows
 * @param downtimeMs time no vCPU ran
 * @param rounds precopy rounds, the last one with the guest paused included
 * @param bytesSent page bytes
 * @param resumeMs from the pause to the first instruction on the destination
 * @param fullMs from the pause until the destination has every page
 * @param faultsServed postcopy: pages sent because the guest asked for them
 * @param faultP50Us postcopy: median time such a page took, in microseconds
 * @param faultP99Us postcopy: its 99th percentile
 * @param throttlePercent precopy: how far the guest was slowed down in the end; absent for not at
 *     all
 * @param pagesVerified pages the standard guest checked; absent for other guests
 * @param mismatches damaged pages the standard guest found; absent for other guests
 * @param guestRunningOnDestination whether the guest runs there; false for a guest that was
 *     migrated paused
 * @param memoryDigest digest of guest memory at the handover, if asked for
 * @param digestsMatch whether both sides had the same digest; absent if one is not known
 */
@JsonNaming(SnakeCaseStrategy.class)
public record SummaryView(
    String mode,
    String hypervisor,
    long memoryBytes,
    double totalMs,
    @Nullable Double transferMs,
    double downtimeMs,
    int rounds,
    long bytesSent,
    @Nullable Double resumeMs,
    @Nullable Double fullMs,
    @Nullable Long faultsServed,
    @Nullable @JsonProperty("fault_p50_us") Long faultP50Us,
    @Nullable @JsonProperty("fault_p99_us") Long faultP99Us,
    @Nullable Integer throttlePercent,
    @Nullable Long pagesVerified,
    @Nullable Long mismatches,
    boolean guestRunningOnDestination,
    @Nullable String memoryDigest,
    @Nullable Boolean digestsMatch) {
  /** The same with the verdict of the standard guest. */
  public SummaryView withGuest(GuestView guest) {
    return new SummaryView(
        mode,
        hypervisor,
        memoryBytes,
        totalMs,
        transferMs,
        downtimeMs,
        rounds,
        bytesSent,
        resumeMs,
        fullMs,
        faultsServed,
        faultP50Us,
        faultP99Us,
        throttlePercent,
        guest.pagesVerified(),
        guest.mismatches(),
        guestRunningOnDestination,
        memoryDigest,
        digestsMatch);
  }
}
