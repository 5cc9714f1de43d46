package io.vmferry.streams.wire;

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
import org.openjdk.jmh.annotations.Warmup;

/** Frames into bytes and back, as each page fault and each chunk needs them. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class FrameCodecBenchmark {
  private static final int PAGE_BYTES = 4096;

  @Param({"16", "16384"})
  private int ranges;

  private ByteBuffer fault;
  private ByteBuffer table;

  /** Makes the buffers. */
  @Setup
  public void setUp() {
    fault = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    table = ByteBuffer.allocateDirect(ranges * WireFormat.RANGE_BYTES).order(WireFormat.ORDER);
    appendTable();
  }

  /** A PageFault with its range. */
  @Benchmark
  public ByteBuffer encodePageFaultNanos() {
    fault.clear();
    Request.pageFault().encode(fault);
    new MemoryRange(0x1234_5000L, PAGE_BYTES).encode(fault);
    return fault;
  }

  /** The same, read and checked. */
  @Benchmark
  public MemoryRange decodePageFaultNanos() throws ProtocolException {
    encodePageFaultNanos();
    fault.flip();
    WireLimits.check(Request.decode(fault));
    return MemoryRange.decode(fault);
  }

  /** A table of a Memory command. */
  @Benchmark
  public ByteBuffer encodeTableNanos() {
    return appendTable();
  }

  /** The same, checked and summed. */
  @Benchmark
  public long decodeTableNanos() throws ProtocolException {
    return MemoryRangeTable.decode(table.rewind()).totalBytes();
  }

  private ByteBuffer appendTable() {
    table.clear();
    for (int i = 0; i < ranges; i++) {
      MemoryRangeTable.append(2L * i * PAGE_BYTES, PAGE_BYTES, table);
    }
    return table;
  }
}
