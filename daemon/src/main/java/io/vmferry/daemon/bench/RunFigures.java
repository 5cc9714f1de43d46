package io.vmferry.daemon.bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * What one run of one contender showed. Absent is what this contender does not tell.
 *
 * @param contender who: {@code vmferry}, {@code c}, {@code qemu} or {@code one-page}; a variant
 *     behind a slash
 * @param memoryBytes guest memory
 * @param timedMs what the throughput is computed from: of a cold precopy the whole migration, of a
 *     warm one the time pages moved, of postcopy the time to full; absent if it is of no interest
 * @param totalMs from the request to the end
 * @param transferMs the time pages moved
 * @param downtimeMs time no vCPU ran
 * @param resumeMs from the pause until the guest ran on the destination
 * @param fullMs from the pause until the destination had every page
 * @param rounds precopy rounds
 * @param bytesSent page bytes that crossed the network
 * @param source what the source process used
 * @param destination what the destination process used
 * @param faults page faults in postcopy, as who resolved them saw them
 * @param touches the same as who touched the pages saw them
 */
@JsonNaming(SnakeCaseStrategy.class)
public record RunFigures(
    String contender,
    long memoryBytes,
    @Nullable Double timedMs,
    @Nullable Double totalMs,
    @Nullable Double transferMs,
    @Nullable Double downtimeMs,
    @Nullable Double resumeMs,
    @Nullable Double fullMs,
    @Nullable Integer rounds,
    @Nullable Long bytesSent,
    @Nullable ProcessUse source,
    @Nullable ProcessUse destination,
    @Nullable Faults faults,
    @Nullable Faults touches) {
  private static final double GIB = 1L << 30;

  /** Guest memory moved per second, in GiB. */
  @JsonProperty("gib_per_second")
  public @Nullable Double gibPerSecond() {
    return timedMs == null ? null : memoryBytes / GIB / (timedMs / 1e3);
  }

  /** A bulk transfer that is nothing but that. */
  static RunFigures timed(
      String contender,
      long memoryBytes,
      double millis,
      ProcessUse source,
      ProcessUse destination) {
    return new RunFigures(
        contender,
        memoryBytes,
        millis,
        millis,
        millis,
        null,
        null,
        null,
        null,
        memoryBytes,
        source,
        destination,
        null,
        null);
  }

  /** Memory that was stored or loaded. */
  static RunFigures stored(
      String contender, long memoryBytes, double millis, @Nullable Long storedBytes) {
    return new RunFigures(
        contender,
        memoryBytes,
        millis,
        millis,
        null,
        null,
        null,
        null,
        null,
        storedBytes,
        null,
        null,
        null,
        null);
  }

  /** A restore on demand; times are from the daemon's connection. */
  static RunFigures onDemand(
      String contender,
      long memoryBytes,
      double resumeMs,
      double touchedMs,
      double fullMs,
      @Nullable Faults faults) {
    return new RunFigures(
        contender,
        memoryBytes,
        null,
        touchedMs,
        null,
        null,
        resumeMs,
        fullMs,
        null,
        null,
        null,
        null,
        faults,
        null);
  }

  /** With what the guest saw of its page faults. */
  RunFigures withTouches(Faults seen) {
    return new RunFigures(
        contender,
        memoryBytes,
        timedMs,
        totalMs,
        transferMs,
        downtimeMs,
        resumeMs,
        fullMs,
        rounds,
        bytesSent,
        source,
        destination,
        faults,
        seen);
  }

  /** CPU seconds of a side for each GiB of guest memory. */
  static @Nullable Double cpuPerGib(@Nullable ProcessUse use, long memoryBytes) {
    return use == null || use.cpuSeconds() == null ? null : use.cpuSeconds() / (memoryBytes / GIB);
  }

  /** CPU seconds of both sides for each GiB of guest memory, if both are known. */
  @JsonProperty("cpu_seconds_per_gib")
  public @Nullable Double cpuPerGib() {
    Double from = cpuPerGib(source, memoryBytes);
    Double to = cpuPerGib(destination, memoryBytes);
    return from == null || to == null ? null : from + to;
  }

  /**
   * What a process used during a run.
   *
   * @param cpuSeconds user and system time
   * @param peakRssBytes most resident memory, the guest's mapped pages included
   * @param peakHeapBytes most Java heap in use, garbage included
   * @param liveHeapBytes most Java heap left after a collection
   * @param gcPauses collections that stopped it
   * @param gcPauseTotalMs their time together
   * @param gcPauseMaxMs the longest
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record ProcessUse(
      @Nullable Double cpuSeconds,
      @Nullable Long peakRssBytes,
      @Nullable Long peakHeapBytes,
      @Nullable Long liveHeapBytes,
      @Nullable Integer gcPauses,
      @Nullable Double gcPauseTotalMs,
      @Nullable Double gcPauseMaxMs) {
    /** A process without a Java heap, or whose heap is of no interest. */
    static ProcessUse cpu(double seconds) {
      return new ProcessUse(seconds, null, null, null, null, null, null);
    }
  }

  /**
   * Page faults and what they took: from reading the fault to the page in place, or from before the
   * touch to after it.
   *
   * @param count how many; absent if not told
   * @param p50Us the median, in microseconds
   * @param p99Us the 99th percentile
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Faults(
      @Nullable Long count,
      @JsonProperty("p50_us") double p50Us,
      @JsonProperty("p99_us") double p99Us) {}
}
