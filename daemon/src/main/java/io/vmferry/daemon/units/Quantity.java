package io.vmferry.daemon.units;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number followed by letters: what sizes, rates and durations have in common. */
record Quantity(BigDecimal number, String unit) {
  // Bounded digits: a number that fits a long has at most 19, and nothing here needs more than 9
  // decimals.
  private static final Pattern FORM =
      Pattern.compile("\\s*([0-9]{1,19}(?:\\.[0-9]{1,9})?)\\s*([A-Za-zµ]*)\\s*");

  /** Splits {@code text}; {@code what} and {@code examples} go into the error message. */
  static Quantity parse(String text, String what, String examples) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new UnitFormatException(
          "'" + text + "' is not a " + what + ": write a number and a unit, such as " + examples);
    }
    return new Quantity(new BigDecimal(matcher.group(1)), matcher.group(2));
  }

  /** The number times {@code factor} as a long. */
  long times(long factor, String text, String what) {
    BigDecimal product = number.multiply(BigDecimal.valueOf(factor));
    if (product.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) > 0) {
      throw new UnitFormatException("'" + text + "' is too large for a " + what);
    }
    BigDecimal whole = product.setScale(0, RoundingMode.DOWN);
    if (whole.signum() == 0 && product.signum() != 0) {
      throw new UnitFormatException("'" + text + "' is too small for a " + what);
    }
    return whole.longValueExact();
  }
}
