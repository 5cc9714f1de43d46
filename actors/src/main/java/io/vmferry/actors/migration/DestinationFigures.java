package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.postcopy.FillProgress;
import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.vm.VmSpec;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What a destination session counts on its way.
 *
 * <p>Belongs to the session's actor; only the byte counter is moved on by the transfer's threads.
 */
final class DestinationFigures {
  private static final double NANOS_PER_MILLI = 1e6;

  private final AtomicLong bytesReceived = new AtomicLong();
  private final FillProgress fillProgress = new FillProgress(bytesReceived);
  private long memoryBytes;
  private long startNanos = System.nanoTime();
  private long stateNanos;
  private long resumeNanos;

  AtomicLong bytesReceived() {
    return bytesReceived;
  }

  FillProgress fillProgress() {
    return fillProgress;
  }

  /** The guest's size is known. */
  void expect(long guestMemoryBytes) {
    memoryBytes = guestMemoryBytes;
  }

  /** The source has connected. */
  void begin() {
    startNanos = System.nanoTime();
  }

  /** State has come: the guest is paused on the source. */
  void stateCame() {
    stateNanos = System.nanoTime();
  }

  /** The guest runs here, or waits here as it did before. */
  void resumed(long atNanos) {
    resumeNanos = atNanos;
  }

  MigrationProgress progress(String id, String vm, MigrationPhase phase) {
    long received = bytesReceived.get();
    long nanos = Math.max(1, System.nanoTime() - startNanos);
    long bandwidth = (long) (received * (double) TimeUnit.SECONDS.toNanos(1) / nanos);
    long left = phase == MigrationPhase.POSTCOPY ? memoryBytes - fillProgress.bytesPresent() : 0;
    Long eta = left == 0 || bandwidth == 0 ? null : left * 1000 / bandwidth;
    return new MigrationProgress(
        id,
        vm,
        phase,
        0,
        memoryBytes,
        received,
        left,
        0,
        bandwidth,
        null,
        eta,
        fillProgress.faults(),
        0);
  }

  MigrationSummary summary(
      String id,
      VmSpec spec,
      MemoryMode mode,
      @Nullable String digest,
      @Nullable FillReport fill,
      boolean paused) {
    long now = System.nanoTime();
    return new MigrationSummary(
        id,
        spec.name(),
        mode,
        Machine.HYPERVISOR,
        spec.memoryBytes(),
        TimeUnit.NANOSECONDS.toMillis(now - startNanos),
        0,
        paused ? 0 : (resumeNanos - stateNanos) / NANOS_PER_MILLI,
        (resumeNanos - stateNanos) / NANOS_PER_MILLI,
        ((fill == null ? resumeNanos : fill.fullAtNanos()) - stateNanos) / NANOS_PER_MILLI,
        0,
        bytesReceived.get(),
        fill == null ? 0 : fill.demanded().count(),
        fill == null ? 0 : fill.demanded().p50(),
        fill == null ? 0 : fill.demanded().p99(),
        0,
        digest,
        paused);
  }
}
