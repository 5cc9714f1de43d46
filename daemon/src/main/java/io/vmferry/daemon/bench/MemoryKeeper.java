package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the host's free memory at hand: the program keep.c, which holds it and gives it back while
 * others need it.
 *
 * <p>A virtual machine's free memory goes back to the hypervisor after some seconds, and to touch
 * it again costs many times what the page costs. Without a keeper that decides what a cold
 * destination takes.
 */
final class MemoryKeeper implements AutoCloseable {
  // Far above the kernel's watermarks: it shall never have to reclaim.
  private static final long FLOOR_BYTES = 768L << 20;

  // Freed before it is needed: 80 ms of the fastest transfer seen. Less than what the slowest
  // takes in the two seconds after which free memory may go.
  private static final long AHEAD_BYTES = 256L << 20;

  // Some 3 s/GiB where the hypervisor has taken all of it.
  private static final long TAKE_LIMIT_S = 900;
  private static final Pattern KEPT = Pattern.compile("kept (\\d+) huge (\\d+)");

  private final PeerProcess process;

  private MemoryKeeper(PeerProcess process) {
    this.process = process;
  }

  /**
   * What it holds.
   *
   * @param bytes all of it
   * @param hugeBytes the part that is in huge pages
   */
  record Kept(long bytes, long hugeBytes) {
    private static Kept parse(String line) {
      Matcher said = KEPT.matcher(line);
      if (!said.matches()) {
        throw new BenchFailure("it said: " + line);
      }
      return new Kept(Long.parseLong(said.group(1)) << 20, Long.parseLong(said.group(2)) << 20);
    }
  }

  /**
   * Compiles and starts it. It holds nothing before the first {@link #take}.
   *
   * @param reasons gets the sentence that says why it cannot run
   * @return null if it cannot
   */
  static @Nullable MemoryKeeper start(Path directory, Cleanup cleanup, List<String> reasons)
      throws IOException, InterruptedException {
    Path program = NativeProgram.compile("keep", directory, "memory keeper", reasons);
    return program == null ? null : start(program, FLOOR_BYTES, AHEAD_BYTES, null, cleanup);
  }

  /**
   * Starts the compiled program.
   *
   * @param floorBytes left free always
   * @param aheadBytes free beside it while others take memory
   * @param mostBytes the most it may hold; null for all
   */
  static MemoryKeeper start(
      Path program, long floorBytes, long aheadBytes, @Nullable Long mostBytes, Cleanup cleanup)
      throws IOException {
    String floor = Long.toString(floorBytes);
    String ahead = Long.toString(aheadBytes);
    List<String> line =
        mostBytes == null
            ? List.of(program.toString(), floor, ahead)
            : List.of(program.toString(), floor, ahead, Long.toString(mostBytes));
    return new MemoryKeeper(PeerProcess.start("memory keeper", line, cleanup));
  }

  /**
   * Takes what has become free since the last time; returns when nothing does any more.
   *
   * @throws BenchFailure if it has ended, as it does first if memory becomes short
   */
  Kept take() throws IOException, InterruptedException {
    try {
      process.say("take");
      return Kept.parse(process.line(TAKE_LIMIT_S));
    } catch (BenchFailure e) {
      throw new BenchFailure(
          "The memory keeper does not answer (stop something, or use --no-memory-keeper): "
              + e.getMessage(),
          e);
    }
  }

  /** The same where there is one. */
  static void takeIfThere(@Nullable MemoryKeeper keeper) throws IOException, InterruptedException {
    if (keeper != null) {
      Kept unused = keeper.take();
    }
  }

  long pid() {
    return process.pid();
  }

  /** Closes its standard input, as the end of this process would: it ends then. */
  void hangUp() throws IOException {
    process.hangUp();
  }

  /** Gives all of it back. */
  @Override
  public void close() {
    process.close();
  }
}
