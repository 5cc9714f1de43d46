package io.vmferry.daemon.units;

import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations such as {@code 300ms}, {@code 90s}, {@code 1h} and {@code 1m30s}. */
public final class Durations {
  private static final String WHAT = "duration";
  private static final String EXAMPLES = "300ms, 90s or 1h";
  private static final Pattern PART = Pattern.compile("[0-9.]+\\s*[A-Za-zµ]*\\s*");

  private Durations() {}

  /**
   * Reads a duration. A unit is required: {@code us}, {@code ms}, {@code s}, {@code m}, {@code h}
   * or {@code d}; several parts add up.
   *
   * @throws UnitFormatException if it is not a duration
   */
  public static Duration parse(String text) {
    String stripped = text.strip();
    Matcher part = PART.matcher(stripped);
    long nanos = 0;
    int end = 0;
    while (end < stripped.length() && part.find(end) && part.start() == end) {
      Quantity quantity = Quantity.parse(part.group(), WHAT, EXAMPLES);
      nanos = add(nanos, quantity.times(nanosPer(quantity.unit(), text), text, WHAT), text);
      end = part.end();
    }
    if (end == 0 || end < stripped.length()) {
      throw new UnitFormatException(
          "'" + text + "' is not a duration: write a number and a unit, such as " + EXAMPLES);
    }
    return Duration.ofNanos(nanos);
  }

  /**
   * Writes milliseconds for people: {@code 0.4 ms}, {@code 38 ms}, {@code 2.1 s}, {@code 3 min 5
   * s}.
   *
   * @param millis 0 or more
   */
  public static String formatMillis(double millis) {
    if (millis < 9.95) {
      return String.format(Locale.ROOT, "%.1f ms", millis);
    }
    if (millis < 1_000) {
      return String.format(Locale.ROOT, "%.0f ms", millis);
    }
    if (millis < 120_000) {
      return String.format(Locale.ROOT, "%.1f s", millis / 1_000);
    }
    long seconds = Math.round(millis / 1_000);
    if (seconds < 7_200) {
      return seconds / 60 + " min " + seconds % 60 + " s";
    }
    return seconds / 3_600 + " h " + seconds % 3_600 / 60 + " min";
  }

  private static long add(long sum, long nanos, String text) {
    try {
      return Math.addExact(sum, nanos);
    } catch (ArithmeticException e) {
      throw new UnitFormatException("'" + text + "' is too large for a duration");
    }
  }

  private static long nanosPer(String unit, String text) {
    return switch (unit.toLowerCase(Locale.ROOT)) {
      case "us", "µs" -> 1_000L;
      case "ms" -> 1_000_000L;
      case "s", "sec" -> 1_000_000_000L;
      case "m", "min" -> 60_000_000_000L;
      case "h" -> 3_600_000_000_000L;
      case "d" -> 86_400_000_000_000L;
      case "" ->
          throw new UnitFormatException(
              "'" + text + "' has no unit: write " + EXAMPLES + " (us, ms, s, m, h, d)");
      default ->
          throw new UnitFormatException(
              "'" + text + "' has the unknown unit '" + unit + "': write " + EXAMPLES);
    };
  }
}
