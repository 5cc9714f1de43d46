package io.vmferry.daemon.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What all benchmarks are told. */
final class BenchOptions {
  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Guest memory, 128M or more; the host needs three times as much. Default: 1G.")
  private ByteSize memory = new ByteSize(1L << 30);

  @Option(
      names = "--runs",
      paramLabel = "N",
      description = "Runs of each contender, in turns. Default: 3.")
  private int runs = 3;

  @Option(
      names = "--results",
      paramLabel = "DIR",
      description = "Write results.txt, results.json and a plot (SVG) of each scenario there.")
  private @Nullable Path results;

  long memoryBytes() {
    return memory.bytes();
  }

  int runs() {
    return runs;
  }

  /** Null for nowhere. */
  @Nullable Path results() {
    return results;
  }
}
