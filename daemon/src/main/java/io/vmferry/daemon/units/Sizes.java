package io.vmferry.daemon.units;

import java.util.Locale;

/**
 * Sizes in bytes. {@code K M G T} and {@code KiB MiB GiB TiB} are powers of 1024; decimal units are
 * refused, because guest memory given as {@code 1GB} is nearly always meant as 1 GiB.
 */
public final class Sizes {
  private static final String WHAT = "size";
  private static final String EXAMPLES = "256M or 1GiB";
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Sizes() {}

  /**
   * Reads a size.
   *
   * @param text such as {@code 4096}, {@code 256M}, {@code 1.5GiB}; no unit means bytes
   * @return bytes, 0 or more
   * @throws UnitFormatException if it is not a size
   */
  public static long parse(String text) {
    Quantity quantity = Quantity.parse(text, WHAT, EXAMPLES);
    return quantity.times(factor(quantity.unit(), text), text, WHAT);
  }

  /**
   * Writes a size for people: three digits at least, one decimal below 10 units.
   *
   * @param bytes 0 or more
   */
  public static String format(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    boolean whole = value == Math.rint(value) || value >= 100;
    String number = String.format(Locale.ROOT, whole ? "%.0f" : "%.1f", value);
    return number + " " + UNITS[unit];
  }

  static long factor(String unit, String text) {
    return switch (unit.toLowerCase(Locale.ROOT)) {
      case "", "b" -> 1L;
      case "k", "ki", "kib" -> 1L << 10;
      case "m", "mi", "mib" -> 1L << 20;
      case "g", "gi", "gib" -> 1L << 30;
      case "t", "ti", "tib" -> 1L << 40;
      case "kb", "mb", "gb", "tb" ->
          throw new UnitFormatException(
              "'"
                  + text
                  + "' has a decimal unit; sizes are binary here: write "
                  + text.strip().substring(0, text.strip().length() - 1)
                  + " or "
                  + text.strip().substring(0, text.strip().length() - 1)
                  + "iB");
      default ->
          throw new UnitFormatException(
              "'" + text + "' has the unknown unit '" + unit + "': write " + EXAMPLES);
    };
  }
}
