package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.streams.pages.DowntimeEstimate;
import io.vmferry.streams.transfer.SendProgress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What a source session counts on its way: rounds, bytes, rates, the times of pause and resume.
 *
 * <p>Belongs to the session's actor; only {@link #sent} is called by the transfer's threads.
 */
final class SourceFigures implements SendProgress {
  private static final double NANOS_PER_MILLI = 1e6;
  // Pausing, saving and restoring state, and the answers: 15 to 20 ms in a process that has done it
  // before, on the machine the figures of docs/decisions are from.
  private static final Duration SWITCHOVER = Duration.ofMillis(20);

  private final long startNanos = System.nanoTime();
  private final AtomicLong bytesSent = new AtomicLong();
  private final AtomicLong memorySettled = new AtomicLong();
  private DowntimeEstimate estimate = DowntimeEstimate.unknown();
  private int round;
  private long roundStartNanos;
  private long roundBytes;
  private long bytesBeforeRound;
  private long settledBeforeRound;
  private long dirtyRate;
  private long lastDirtyBytes = -1;
  private long lastRoundBytes;
  private boolean postcopy;
  private int throttlePercent;
  private long firstRoundNanos;
  private long lastRoundEndNanos;
  private long pauseNanos;
  private long resumeNanos;
  private long fullNanos;

  void beginRound(long bytes) {
    round++;
    roundStartNanos = System.nanoTime();
    firstRoundNanos = round == 1 ? roundStartNanos : firstRoundNanos;
    roundBytes = bytes;
    bytesBeforeRound = bytesSent.get();
    settledBeforeRound = memorySettled.get();
  }

  /** The guest runs elsewhere, or is about to, without so many bytes of its memory. */
  void beginPostcopy(long missingBytes) {
    postcopy = true;
    roundStartNanos = System.nanoTime();
    roundBytes = missingBytes;
    bytesBeforeRound = bytesSent.get();
    settledBeforeRound = memorySettled.get();
  }

  void endRound(long bytes, long nanos) {
    lastRoundEndNanos = System.nanoTime();
    lastRoundBytes = bytes;
    estimate = estimate.withRound(bytes, nanos);
  }

  void dirtied(long bytes) {
    long nanos = Math.max(1, System.nanoTime() - roundStartNanos);
    dirtyRate = (long) (bytes * (double) TimeUnit.SECONDS.toNanos(1) / nanos);
    lastDirtyBytes = bytes;
  }

  void paused(long atNanos) {
    pauseNanos = atNanos;
  }

  void resumed() {
    resumeNanos = System.nanoTime();
    fullNanos = resumeNanos;
  }

  void full() {
    fullNanos = System.nanoTime();
  }

  @Override
  public void sent(long memoryBytes, long wireBytes) {
    memorySettled.addAndGet(memoryBytes);
    bytesSent.addAndGet(wireBytes);
  }

  Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - startNanos);
  }

  /**
   * What a switchover would cost now.
   *
   * @param budget what it may cost
   */
  Duration expectedDowntime(long dirtyBytes, long limitBytesPerSecond, Duration budget) {
    // A budget that the fixed part would eat up still buys a switchover, if a late one.
    Duration half = budget.dividedBy(2);
    return estimate
        .withFixed(SWITCHOVER.compareTo(half) < 0 ? SWITCHOVER : half)
        .expected(dirtyBytes, limitBytesPerSecond);
  }

  /** Bytes of guest memory that the last round sent. */
  long lastRoundBytes() {
    return lastRoundBytes;
  }

  /** The guest is slowed down by so much from now on. */
  void throttled(int percent) {
    throttlePercent = percent;
  }

  int round() {
    return round;
  }

  MigrationProgress progress(
      String id, String vm, MigrationPhase phase, long total, long limit, Duration budget) {
    long sent = bytesSent.get();
    long left = roundBytes - (memorySettled.get() - settledBeforeRound);
    long bandwidth = bandwidth(sent);
    Long expected =
        lastDirtyBytes < 0 || postcopy
            ? null
            : clampedMillis(expectedDowntime(lastDirtyBytes, limit, budget));
    Long eta = bandwidth == 0 ? null : Math.max(0, left) * 1000 / bandwidth;
    return new MigrationProgress(
        id,
        vm,
        phase,
        round,
        total,
        sent,
        Math.max(0, left),
        dirtyRate,
        bandwidth,
        expected,
        eta,
        0,
        throttlePercent);
  }

  private long bandwidth(long sent) {
    long nanos = System.nanoTime() - (roundStartNanos == 0 ? startNanos : roundStartNanos);
    long inRound = sent - bytesBeforeRound;
    double now = inRound * (double) TimeUnit.SECONDS.toNanos(1) / Math.max(1, nanos);
    return (long) (inRound > 0 ? now : estimate.bytesPerSecond());
  }

  /** 0 if no page was sent. */
  private long transferNanos() {
    long end = postcopy ? fullNanos : lastRoundEndNanos;
    return end == 0 ? 0 : end - (round > 0 ? firstRoundNanos : pauseNanos);
  }

  private static @Nullable Long clampedMillis(Duration expected) {
    return expected.compareTo(Duration.ofDays(1)) > 0 ? null : expected.toMillis();
  }

  MigrationSummary summary(
      String id, VmSpec spec, MemoryMode mode, @Nullable String digest, boolean paused) {
    return new MigrationSummary(
        id,
        spec.name(),
        mode,
        Machine.HYPERVISOR,
        spec.memoryBytes(),
        elapsed().toMillis(),
        transferNanos() / NANOS_PER_MILLI,
        paused ? 0 : (resumeNanos - pauseNanos) / NANOS_PER_MILLI,
        (resumeNanos - pauseNanos) / NANOS_PER_MILLI,
        (fullNanos - pauseNanos) / NANOS_PER_MILLI,
        round,
        bytesSent.get(),
        0,
        0,
        0,
        throttlePercent,
        digest,
        paused);
  }
}
