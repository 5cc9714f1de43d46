package io.vmferry.actors.guest;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a guest says of itself, from the newest line of each of its vCPUs.
 *
 * @param running each vCPU has reported to this parser and none has faulted
 * @param iterations page visits (standard guest) or heartbeats (idle guest), all vCPUs
 * @param pagesVerified page visits in which every comparison held
 * @param mismatches page visits in which one did not
 * @param sweeps whole sweeps that every vCPU has finished over its slice
 * @param firstMismatch where, what was expected and what was found; or the text of a guest fault
 * @param vcpus reports by vCPU number, of those that have reported
 */
public record GuestReport(
    boolean running,
    long iterations,
    long pagesVerified,
    long mismatches,
    long sweeps,
    @Nullable String firstMismatch,
    List<VcpuReport> vcpus) {

  /** Copies the list. */
  public GuestReport {
    vcpus = List.copyOf(vcpus);
  }

  /**
   * One vCPU's counters since the guest was started.
   *
   * @param vcpu number from 0
   * @param iterations page visits or heartbeats
   * @param pagesVerified visits without mismatch
   * @param mismatches visits with one
   * @param sweeps sweeps finished
   * @param firstMismatch the first mismatch, if any
   */
  public record VcpuReport(
      int vcpu,
      long iterations,
      long pagesVerified,
      long mismatches,
      long sweeps,
      @Nullable String firstMismatch) {}
}
