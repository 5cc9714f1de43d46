package io.vmferry.daemon.quickstart;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The last line of {@code quickstart --json}.
 *
 * @param ok whether every check holds
 * @param mode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param hypervisor {@code kvm} or {@code software}
 * @param memoryBytes guest memory
 * @param cpus virtual CPUs
 * @param totalMs from the request to the end
 * @param downtimeMs time no vCPU ran
 * @param rounds precopy rounds, the last one with the guest paused included
 * @param bytesSent page bytes
 * @param resumeMs from the pause to the first instruction on the destination
 * @param fullMs from the pause until the destination has every page
 * @param faultsServed postcopy: pages sent because the guest asked for them
 * @param faultP50Us postcopy: median time such a page took, in microseconds
 * @param faultP99Us postcopy: its 99th percentile
 * @param pagesVerified pages the guest checked, before, during and after
 * @param mismatches damaged pages it found
 * @param iterationsAtArrival pages it had written when it was first seen on the destination
 * @param iterationsAtEnd pages it had written at the end
 * @param guestRunningOnDestination whether it went on there
 * @param goneFromSource whether the source holds it no more
 * @param memoryDigest digest of its memory at the handover
 * @param digestsMatch whether both sides had the same digest
 * @param checks what was checked
 */
@JsonNaming(SnakeCaseStrategy.class)
public record QuickstartResult(
    boolean ok,
    String mode,
    String hypervisor,
    long memoryBytes,
    int cpus,
    double totalMs,
    double downtimeMs,
    int rounds,
    long bytesSent,
    @Nullable Double resumeMs,
    @Nullable Double fullMs,
    @Nullable Long faultsServed,
    @Nullable @JsonProperty("fault_p50_us") Long faultP50Us,
    @Nullable @JsonProperty("fault_p99_us") Long faultP99Us,
    long pagesVerified,
    long mismatches,
    long iterationsAtArrival,
    long iterationsAtEnd,
    boolean guestRunningOnDestination,
    boolean goneFromSource,
    @Nullable String memoryDigest,
    boolean digestsMatch,
    List<Check> checks) {
  /** Copies the list. */
  public QuickstartResult {
    checks = List.copyOf(checks);
  }

  /**
   * One thing that must hold.
   *
   * @param what the claim
   * @param ok whether it holds
   * @param found the figures behind it
   */
  public record Check(String what, boolean ok, String found) {}
}
