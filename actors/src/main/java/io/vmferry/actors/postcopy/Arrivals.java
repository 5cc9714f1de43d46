package io.vmferry.actors.postcopy;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.transfer.ArrivalListener;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.AtomicHistogram;
import org.HdrHistogram.Histogram;

/**
 * Counts pages on their way into the guest, times the faults, and digests the pages if that is
 * wanted.
 *
 * <p>Called by every thread that brings pages; the figures are read once those have ended.
 */
final class Arrivals implements ArrivalListener {
  // Three digits cost 40 KiB up to this bound, which is longer than anybody waits.
  private static final long LONGEST_MICROS = TimeUnit.MINUTES.toMicros(10);
  private static final int DIGITS = 3;

  private final FillProgress progress;
  private final long pageBytes;
  private final boolean digesting;
  private final Histogram bySourceMicros = new AtomicHistogram(LONGEST_MICROS, DIGITS);
  private final Histogram localMicros = new AtomicHistogram(LONGEST_MICROS, DIGITS);
  private final LongAdder pages = new LongAdder();
  private final LongAdder digest = new LongAdder();
  private volatile long lastNanos = System.nanoTime();

  Arrivals(FillProgress progress, long pageBytes, boolean digesting) {
    this.progress = progress;
    this.pageBytes = pageBytes;
    this.digesting = digesting;
  }

  @Override
  public void arriving(Gpa first, ByteBuffer bytes) {
    if (digesting) {
      // Now, as the guest cannot have written to them yet.
      digest.add(MemoryDigest.ofPage(first.value(), bytes));
    }
  }

  @Override
  public void arrived(long count, long bytes) {
    pages.add(count);
    progress.received(bytes, count * pageBytes);
    lastNanos = System.nanoTime();
  }

  @Override
  public void faultServed(long nanos, boolean bySource) {
    long micros = Math.min(TimeUnit.NANOSECONDS.toMicros(nanos), LONGEST_MICROS);
    if (bySource) {
      progress.faultServed();
      bySourceMicros.recordValue(micros);
    } else {
      localMicros.recordValue(micros);
    }
  }

  FillReport report() {
    return new FillReport(
        pages.sum(),
        progress.bytesReceived(),
        FaultTimes.of(bySourceMicros),
        FaultTimes.of(localMicros),
        lastNanos,
        digest.sum());
  }
}
