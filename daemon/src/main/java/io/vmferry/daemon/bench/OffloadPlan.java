package io.vmferry.daemon.bench;

import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What to run of the offload daemon.
 *
 * @param memoryBytes guest memory, at least {@link BenchPlan#MIN_MEMORY_BYTES}
 * @param runs how often each contender runs, 1 or more
 * @param modes what to measure
 * @param directory where snapshots are put while it runs: the disk that is measured
 * @param results where files are written, or null for nowhere
 */
public record OffloadPlan(
    long memoryBytes, int runs, Set<OffloadMode> modes, Path directory, @Nullable Path results) {
  private static final long UNIT_BYTES = 2L << 20;

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException with one sentence for the user if one is out of range
   */
  public OffloadPlan {
    if (memoryBytes < BenchPlan.MIN_MEMORY_BYTES || memoryBytes % UNIT_BYTES != 0) {
      throw new IllegalArgumentException("--memory: write 128M or more, in units of 2M");
    }
    if (runs < 1) {
      throw new IllegalArgumentException("--runs " + runs + ": write 1 or more");
    }
    modes = Set.copyOf(modes);
  }
}
