package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Locale;

/**
 * A figure beside what it should be.
 *
 * @param what the figure
 * @param unit {@code x} for a ratio, or {@code ms}
 * @param atLeast whether the limit is the least or the most
 * @param limit the limit
 * @param measured the figure; ratios pair runs that were next to each other
 * @param met whether the median keeps to the limit
 */
@JsonNaming(SnakeCaseStrategy.class)
public record Goal(
    String what, String unit, boolean atLeast, double limit, Spread measured, boolean met) {

  static Goal atLeast(String what, double limit, Spread ratio) {
    return new Goal(what, "x", true, limit, ratio, ratio.median() >= limit);
  }

  static Goal atMost(String what, double limit, Spread ratio) {
    return new Goal(what, "x", false, limit, ratio, ratio.median() <= limit);
  }

  static Goal underMillis(String what, double limit, Spread millis) {
    return new Goal(what, "ms", false, limit, millis, millis.median() <= limit);
  }

  /** The limit for people. */
  String limitText() {
    String number =
        unit.equals("x")
            ? String.format(Locale.ROOT, "%.1f", limit)
            : String.format(Locale.ROOT, "%.0f ms", limit);
    return (atLeast ? ">= " : "<= ") + number;
  }
}
