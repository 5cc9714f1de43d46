package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.wire.WireLimits;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
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

/** Runs of 4 GiB packed into chunks, by a graph that does nothing else. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class ChunkStageBenchmark {
  private static final long BYTES = 4L << 30;

  /** Bytes of each run: a page, 1 MiB, the longest there is. */
  @Param({"4096", "1048576", "67108864"})
  private long runBytes;

  private ActorSystem system;
  private List<PageRun> runs;

  /** Makes the runs; a page lies between any two. */
  @Setup
  public void setUp() {
    system = ActorSystem.create("benchmark");
    runs =
        LongStream.range(0, BYTES / runBytes)
            .mapToObj(i -> new PageRun(i * (runBytes + 4096), runBytes))
            .toList();
  }

  /** Ends the actor system. */
  @TearDown
  public void tearDown() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }

  /** All chunks. */
  @Benchmark
  public long assembleMicros() {
    return Source.from(runs)
        .via(new ChunkStage(() -> WireLimits.CHUNK_BYTES, WireLimits.CHUNK_RANGES, () -> {}))
        .runWith(Sink.<Long, Chunk>fold(0L, (sum, chunk) -> sum + chunk.bytes()), system)
        .toCompletableFuture()
        .join();
  }
}
