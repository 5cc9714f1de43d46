package io.vmferry.daemon.units;

import java.util.Locale;
import java.util.Map;

/** Rates in bytes per second; 0 stands for no limit. */
public final class Rates {
  private static final String WHAT = "rate";
  private static final String EXAMPLES = "50M/s, 10Gbit/s or unlimited";
  private static final Map<String, Long> BITS =
      Map.of("kbit", 1_000L, "mbit", 1_000_000L, "gbit", 1_000_000_000L);

  private Rates() {}

  /**
   * Reads a rate.
   *
   * @param text a size per second ({@code 50M/s}, the {@code /s} may be left out), a bit rate
   *     ({@code 10Gbit/s}, decimal as for networks) or {@code unlimited}
   * @return bytes per second; 0 means no limit
   * @throws UnitFormatException if it is not a rate
   */
  public static long parse(String text) {
    String stripped = text.strip();
    if (stripped.equalsIgnoreCase("unlimited")) {
      return 0;
    }
    String amount =
        stripped.endsWith("/s") ? stripped.substring(0, stripped.length() - 2) : stripped;
    Quantity quantity = Quantity.parse(amount, WHAT, EXAMPLES);
    Long bits = BITS.get(quantity.unit().toLowerCase(Locale.ROOT));
    if (bits != null) {
      return quantity.times(bits / 8, text, WHAT);
    }
    return quantity.times(Sizes.factor(quantity.unit(), amount), text, WHAT);
  }

  /**
   * Writes a rate for people.
   *
   * @param bytesPerSecond 0 or more; 0 is written as a rate of zero, not as unlimited
   */
  public static String format(long bytesPerSecond) {
    return Sizes.format(bytesPerSecond) + "/s";
  }
}
