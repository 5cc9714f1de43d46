package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What the scenarios of the offload daemon work with.
 *
 * @param plan what to run
 * @param daemon the commands
 * @param keeper keeps free memory at hand; null if it does not run
 * @param directory on the disk that is measured; gone at the end
 * @param steps told what goes on
 */
record OffloadStage(
    OffloadPlan plan,
    OffloadDaemon daemon,
    @Nullable MemoryKeeper keeper,
    Path directory,
    Consumer<String> steps) {
  // Source: Documentation/admin-guide/sysctl/vm.rst, drop_caches.
  private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");
  private static final String PAGE_CACHE = "1";

  /** A file or directory in {@link #directory}. */
  Path path(String name) {
    return directory.resolve(name);
  }

  /** Where the daemon and the VMM meet. */
  Path socket() {
    return path("s");
  }

  /** As many rounds as planned, each contender with nothing to be written back. */
  List<RunFigures> alternate(List<Runs.Measurement> contenders)
      throws IOException, InterruptedException {
    return Runs.alternate(
        plan.runs(),
        () -> {
          new ProcessBuilder("sync").start().waitFor();
          DiskActivity.awaitQuiet();
          MemoryKeeper.takeIfThere(keeper);
        },
        contenders);
  }

  /** Whether {@link #dropPageCache} may. */
  static boolean mayDropPageCache() {
    return Files.isWritable(DROP_CACHES);
  }

  /** What is on the disk must be read from there the next time. */
  static void dropPageCache() throws IOException {
    Files.writeString(DROP_CACHES, PAGE_CACHE);
  }
}
