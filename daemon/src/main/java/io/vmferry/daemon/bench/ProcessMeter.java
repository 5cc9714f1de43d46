package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringTokenizer;

/**
 * What a process uses between {@link #start} and {@link #stop}, as the kernel counts it.
 *
 * <p>Source: proc(5), /proc/pid/stat, /proc/pid/status and /proc/pid/clear_refs.
 */
final class ProcessMeter {
  // sysconf(_SC_CLK_TCK) is 100 on every Linux of x86-64.
  private static final double TICKS_PER_SECOND = 100;
  // Behind the name.
  private static final int FIRST_FIELD = 3;
  private static final int USER_TIME_FIELD = 14;
  private static final String RESET_PEAK_RSS = "5";

  private final Path proc;
  private final double cpuAtStart;

  private ProcessMeter(Path proc, double cpuAtStart) {
    this.proc = proc;
    this.cpuAtStart = cpuAtStart;
  }

  static ProcessMeter start(long pid) throws IOException {
    Path proc = Path.of("/proc", Long.toString(pid));
    Files.writeString(proc.resolve("clear_refs"), RESET_PEAK_RSS);
    return new ProcessMeter(proc, cpuSeconds(Files.readString(proc.resolve("stat"))));
  }

  /** What it has used since. */
  Reading stop() throws IOException {
    return new Reading(
        cpuSeconds(Files.readString(proc.resolve("stat"))) - cpuAtStart,
        peakRssBytes(Files.readString(proc.resolve("status"))));
  }

  /** User and system time of the text of a stat file. */
  static double cpuSeconds(String stat) {
    // The second field is the name in brackets, which may hold blanks and brackets itself.
    StringTokenizer fields = new StringTokenizer(stat.substring(stat.lastIndexOf(')') + 2));
    for (int i = FIRST_FIELD; i < USER_TIME_FIELD; i++) {
      fields.nextToken();
    }
    long userTicks = Long.parseLong(fields.nextToken());
    long systemTicks = Long.parseLong(fields.nextToken());
    return (userTicks + systemTicks) / TICKS_PER_SECOND;
  }

  /** VmHWM of the text of a status file. */
  static long peakRssBytes(String status) {
    return status
        .lines()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
        .findFirst()
        .orElse(0);
  }

  /**
   * A reading.
   *
   * @param cpuSeconds user and system time
   * @param peakRssBytes most resident memory
   */
  record Reading(double cpuSeconds, long peakRssBytes) {}
}
