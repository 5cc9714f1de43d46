package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The command cp, which leaves holes and zeros out: what a disk and a memory file take. */
final class CopyPeer {
  /** Its name in reports. */
  static final String NAME = "cp";

  private static final long LIMIT_S = 900;

  private CopyPeer() {}

  /**
   * Copies a file.
   *
   * @param durable whether to wait until the copy is on the disk
   * @return milliseconds
   */
  static double copy(Path from, Path to, boolean durable) throws IOException, InterruptedException {
    long start = System.nanoTime();
    run(List.of("cp", "--sparse=always", from.toString(), to.toString()));
    if (durable) {
      run(List.of("sync", to.toString()));
    }
    return (System.nanoTime() - start) / 1e6;
  }

  private static void run(List<String> line) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(line).inheritIO().start();
    if (!process.waitFor(LIMIT_S, TimeUnit.SECONDS) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new BenchFailure(String.join(" ", line) + " failed");
    }
  }
}
