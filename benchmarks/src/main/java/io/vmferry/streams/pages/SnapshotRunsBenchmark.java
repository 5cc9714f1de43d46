package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.ByteBuffer;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The search for what a first round sends, in 256 MiB of guest memory. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class SnapshotRunsBenchmark {
  private static final long BYTES = 256L << 20;
  private static final int PAGE_BYTES = 4096;

  /**
   * What the memory is: all hole, allocated zeros, pages whose first word is set, pages whose last
   * word is set.
   */
  @Param({"holes", "zeros", "differs-early", "differs-late"})
  private String content;

  private GuestMemory memory;

  /** Makes the memory. */
  @Setup
  public void setUp() throws IOException {
    memory = GuestMemory.allocate(BYTES, PageSize.KIB_4);
    if (content.equals("holes")) {
      return;
    }
    ByteBuffer page = DirectBuffers.allocate(PAGE_BYTES);
    if (content.equals("differs-early")) {
      page.putLong(0, 1);
    } else if (content.equals("differs-late")) {
      page.putLong(PAGE_BYTES - Long.BYTES, 1);
    }
    for (long gpa = 0; gpa < BYTES; gpa += PAGE_BYTES) {
      memory.write(new Gpa(gpa), page.clear());
    }
  }

  /** Gives the memory back. */
  @TearDown
  public void tearDown() {
    memory.close();
  }

  /** The whole search. */
  @Benchmark
  public long scanMicros() {
    long bytes = 0;
    for (SnapshotRuns runs = new SnapshotRuns(memory); runs.hasNext(); ) {
      bytes += runs.next().lengthBytes();
    }
    return bytes;
  }
}
