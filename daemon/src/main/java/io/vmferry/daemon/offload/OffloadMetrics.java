package io.vmferry.daemon.offload;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** What a server of snapshots counts; names and units are in docs/snapshots.md. Thread-safe. */
final class OffloadMetrics {
  private static final String SNAPSHOTS = "vmferry.offload.snapshots";

  private final AtomicInteger active;
  private final Counter taken;
  private final Counter failed;
  private final Counter memoryBytes;
  private final Counter storedBytes;
  private final Timer duration;

  OffloadMetrics(MeterRegistry registry) {
    this.active = registry.gauge("vmferry.offload.snapshots.active", new AtomicInteger());
    this.taken = registry.counter(SNAPSHOTS, "result", "taken");
    this.failed = registry.counter(SNAPSHOTS, "result", "failed");
    this.memoryBytes = registry.counter("vmferry.offload.memory.bytes");
    this.storedBytes = registry.counter("vmferry.offload.stored.bytes");
    this.duration = registry.timer("vmferry.offload.snapshot.duration");
  }

  void begins() {
    active.incrementAndGet();
  }

  void taken(long memory, long stored, Duration after) {
    active.decrementAndGet();
    taken.increment();
    memoryBytes.increment((double) memory);
    storedBytes.increment((double) stored);
    duration.record(after);
  }

  void failed() {
    active.decrementAndGet();
    failed.increment();
  }
}
