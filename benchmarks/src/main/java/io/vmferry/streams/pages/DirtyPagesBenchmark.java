package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.Iterator;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The dirty bitmap of 4 GiB as runs. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class DirtyPagesBenchmark {
  private static final long PAGES = 1 << 20;
  private static final long SEED = 1;

  /** How pages are dirty: none, one in a hundred, every second one, all. */
  @Param({"none", "scattered", "alternating", "all"})
  private String dirty;

  private LongBuffer bitmap;

  /** Makes the bitmap. */
  @Setup
  public void setUp() {
    int words = (int) (PAGES / Long.SIZE);
    bitmap =
        ByteBuffer.allocateDirect(words * Long.BYTES).order(ByteOrder.nativeOrder()).asLongBuffer();
    SplittableRandom random = new SplittableRandom(SEED);
    for (int word = 0; word < words; word++) {
      bitmap.put(word, word(random));
    }
  }

  private long word(SplittableRandom random) {
    return switch (dirty) {
      case "none" -> 0;
      case "all" -> -1;
      case "alternating" -> 0x5555_5555_5555_5555L;
      default -> random.nextInt(100) < 64 ? 1L << random.nextInt(Long.SIZE) : 0;
    };
  }

  /** A snapshot of the log, with its count of pages. */
  @Benchmark
  public DirtyPages snapshotMicros() {
    return DirtyPages.ofRegion(new Gpa(0), PAGES, bitmap);
  }

  /** A snapshot and all its runs. */
  @Benchmark
  public long walkMicros() {
    long bytes = 0;
    for (Iterator<PageRun> runs = snapshotMicros().runs(); runs.hasNext(); ) {
      bytes += runs.next().lengthBytes();
    }
    return bytes;
  }
}
