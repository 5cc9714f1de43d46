package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * What the disks of this host have under way. A file system that discards what was deleted goes on
 * with it behind a sync, and the next sync waits for it: for the thousands of files of a chunk
 * store that takes seconds.
 */
final class DiskActivity {
  // Documentation/admin-guide/iostats.rst: counts of everything done, discards included.
  private static final Path STATISTICS = Path.of("/proc/diskstats");
  private static final long QUIET_MS = 300;
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(20);

  private DiskActivity() {}

  /** Waits until nothing has been done for a moment, or it has lasted too long. */
  static void awaitQuiet() throws IOException, InterruptedException {
    long start = System.nanoTime();
    String before = "";
    String now = Files.readString(STATISTICS);
    while (!now.equals(before) && System.nanoTime() - start < LIMIT_NANOS) {
      TimeUnit.MILLISECONDS.sleep(QUIET_MS);
      before = now;
      now = Files.readString(STATISTICS);
    }
  }
}
