package io.vmferry.daemon.bench;

import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The median of some measurements, and the extremes.
 *
 * @param median the middle one, or the mean of the two in the middle
 * @param min the least
 * @param max the greatest
 */
public record Spread(double median, double min, double max) {

  /** Of at least one value; null of none. */
  public static @Nullable Spread of(Collection<Double> values) {
    if (values.isEmpty()) {
      return null;
    }
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(median, sorted[0], Arrays.stream(sorted).max().orElse(median));
  }

  /** The median, and the extremes behind it where they differ from it as written. */
  public String text(String format) {
    String middle = String.format(Locale.ROOT, format, median);
    String low = String.format(Locale.ROOT, format, min);
    String high = String.format(Locale.ROOT, format, max);
    return low.equals(high) ? middle : middle + " (" + low + "-" + high + ")";
  }
}
