package io.vmferry.actors.postcopy;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.transfer.PageArrival;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Counts pages on their way into the guest, times those that the guest waits for, and digests them
 * if that is wanted.
 *
 * <p>{@link #waiting} is called by the fault reader, the rest by the one receiving thread; the
 * figures are read once that thread has ended.
 */
final class Arrivals implements PageArrival {
  // Three digits cost 40 KiB up to this bound, which is longer than anybody waits.
  private static final long LONGEST_MICROS = TimeUnit.MINUTES.toMicros(10);
  private static final int DIGITS = 3;

  private final PageArrival installer;
  private final FillProgress progress;
  private final boolean digesting;
  private final ConcurrentHashMap<Gpa, Long> waitingSince = new ConcurrentHashMap<>();
  private final Histogram faultMicros = new Histogram(LONGEST_MICROS, DIGITS);
  private long pages;
  private long digest;

  Arrivals(PageArrival installer, FillProgress progress, boolean digesting) {
    this.installer = installer;
    this.progress = progress;
    this.digesting = digesting;
  }

  /** A vCPU waits for this page from now on. */
  void waiting(Gpa page) {
    waitingSince.putIfAbsent(page, System.nanoTime());
  }

  @Override
  public void copy(Gpa page, long bytesAddress, ByteBuffer bytes) throws IOException {
    installer.copy(page, bytesAddress, bytes);
    arrived(page, bytes.remaining());
    if (digesting) {
      // The bytes as they came: the guest may have written to its page by now.
      digest += MemoryDigest.ofPage(page.value(), bytes);
    }
  }

  @Override
  public void resume(Gpa page, long lengthBytes) throws IOException {
    installer.resume(page, lengthBytes);
    arrived(page, 0);
  }

  private void arrived(Gpa page, long bytes) {
    pages++;
    progress.received(bytes);
    Long since = waitingSince.remove(page);
    if (since != null) {
      long micros = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - since);
      progress.faultServed();
      faultMicros.recordValue(Math.min(micros, LONGEST_MICROS));
    }
  }

  /** The figures, {@code fullAtNanos} being now. */
  FillReport report() {
    return new FillReport(
        pages,
        progress.bytesReceived(),
        faultMicros.getTotalCount(),
        faultMicros.getValueAtPercentile(50),
        faultMicros.getValueAtPercentile(99),
        System.nanoTime(),
        digest);
  }
}
