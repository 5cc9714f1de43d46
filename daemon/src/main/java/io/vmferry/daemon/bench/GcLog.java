package io.vmferry.daemon.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A JVM's collector log, read from where the last reading ended. The JVM is started with {@link
 * #option}.
 */
final class GcLog {
  // [1.234s] GC(3) Pause Young (Normal) (G1 Evacuation Pause) 23M->5M(64M) 2.345ms
  private static final Pattern PAUSE =
      Pattern.compile("Pause .* (\\d+)([KMG])->(\\d+)([KMG])\\(\\d+[KMG]\\) ([0-9.]+)ms$");

  private final Path file;
  private long offset;

  GcLog(Path file) {
    this.file = file;
  }

  /** What makes a JVM write it. */
  static String option(Path file) {
    return "-Xlog:gc:file=" + file + ":uptime:filecount=0";
  }

  /** Forgets what was written up to now. */
  void skip() throws IOException {
    offset = Files.exists(file) ? Files.size(file) : 0;
  }

  /** The collections since the last call of this or {@link #skip}. */
  Pauses read() throws IOException {
    if (!Files.exists(file)) {
      return Pauses.of("");
    }
    byte[] all = Files.readAllBytes(file);
    String text =
        new String(all, (int) offset, (int) (all.length - offset), StandardCharsets.UTF_8);
    offset = all.length;
    return Pauses.of(text);
  }

  /**
   * Collections that stopped the JVM.
   *
   * @param count how many
   * @param totalMs their time together
   * @param maxMs the longest
   * @param peakHeapBytes most heap in use before one, 0 without any
   * @param liveHeapBytes most heap left after one, 0 without any
   */
  record Pauses(int count, double totalMs, double maxMs, long peakHeapBytes, long liveHeapBytes) {

    static Pauses of(String log) {
      int count = 0;
      double total = 0;
      double max = 0;
      long peak = 0;
      long live = 0;
      for (String line : log.lines().toList()) {
        Matcher matcher = PAUSE.matcher(line);
        if (matcher.find()) {
          count++;
          double millis = Double.parseDouble(matcher.group(5));
          total += millis;
          max = Math.max(max, millis);
          peak = Math.max(peak, bytes(matcher.group(1), matcher.group(2)));
          live = Math.max(live, bytes(matcher.group(3), matcher.group(4)));
        }
      }
      return new Pauses(count, total, max, peak, live);
    }

    private static long bytes(String number, String unit) {
      int shift =
          switch (unit) {
            case "K" -> 10;
            case "M" -> 20;
            default -> 30;
          };
      return Long.parseLong(number) << shift;
    }
  }
}
