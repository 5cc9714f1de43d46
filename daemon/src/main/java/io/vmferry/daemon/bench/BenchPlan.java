package io.vmferry.daemon.bench;

import io.vmferry.actors.guest.MemoryFill;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What to run.
 *
 * @param memoryBytes guest memory, at least {@link #MIN_MEMORY_BYTES}
 * @param runs how often each contender runs, 1 or more
 * @param modes what to measure
 * @param connections numbers of connections for precopy
 * @param content what is in the guest's memory
 * @param link the network between source and destination
 * @param peers who else runs
 * @param memoryKeeper whether free memory is kept at hand
 * @param results where files are written, or null for nowhere
 */
public record BenchPlan(
    long memoryBytes,
    int runs,
    Set<Mode> modes,
    List<Integer> connections,
    MemoryFill content,
    LinkShape link,
    Set<Peer> peers,
    boolean memoryKeeper,
    @Nullable Path results) {
  /** The least guest memory: less and set-up is all that is measured. */
  public static final long MIN_MEMORY_BYTES = 128L << 20;

  /** The most connections of one migration. */
  public static final int MAX_CONNECTIONS = 128;

  private static final long PAGE_BYTES = 4096;

  /**
   * Copies the collections and checks the values.
   *
   * @throws IllegalArgumentException with one sentence for the user if one is out of range
   */
  public BenchPlan {
    modes = Set.copyOf(modes);
    peers = Set.copyOf(peers);
    connections = List.copyOf(connections);
    if (memoryBytes < MIN_MEMORY_BYTES || memoryBytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException("--memory: write 128M or more, in whole pages of 4 KiB");
    }
    if (runs < 1) {
      throw new IllegalArgumentException("--runs " + runs + ": write 1 or more");
    }
    if (modes.isEmpty()) {
      throw new IllegalArgumentException("--mode: name at least one");
    }
    for (int n : connections) {
      if (n < 1 || n > MAX_CONNECTIONS) {
        throw new IllegalArgumentException("--connections " + n + ": write 1 to 128");
      }
    }
    if (connections.isEmpty()) {
      throw new IllegalArgumentException("--connections: name at least one number");
    }
  }
}
