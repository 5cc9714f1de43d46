package io.vmferry.actors.guest;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How long a guest waited for pages as it saw it: a histogram of touches that took {@link
 * #SHORTEST_CYCLES} or more, four buckets to each power of two. The guest's counters are absolute.
 *
 * <p>A wait of 2^32 cycles or more is counted as what is left of it. Immutable.
 */
public final class TouchWaits {
  static final int SHORTEST_BIT = 15;

  /** Touches that took less are not counted: the page was there. */
  public static final long SHORTEST_CYCLES = 1L << SHORTEST_BIT;

  static final int STEPS = 4;
  static final int BUCKETS = (Integer.SIZE - SHORTEST_BIT) * STEPS;
  static final String PREFIX = "vmferry waits cpu=";

  private static final Pattern LINE =
      Pattern.compile(PREFIX + "([0-9a-f]+)/([0-9a-f]+)((?: [0-9a-f]{1,2}=[0-9a-f]{1,16})*)");

  private final long[] counts;

  private TouchWaits(long[] counts) {
    this.counts = counts;
  }

  /**
   * Reads the guest's newest report of each vCPU and adds them up.
   *
   * @param console serial output; other lines are skipped, and so is a last one without an end
   */
  public static TouchWaits parse(String console) {
    Map<String, String> newest = new TreeMap<>();
    whole(console).map(LINE::matcher).filter(Matcher::matches).forEach(line -> put(newest, line));
    long[] counts = new long[BUCKETS];
    for (String buckets : newest.values()) {
      for (String bucket : buckets.strip().split(" ", -1)) {
        int middle = bucket.indexOf('=');
        if (middle > 0) {
          int number = Integer.parseInt(bucket.substring(0, middle), 16);
          counts[Math.min(number, BUCKETS - 1)] +=
              Long.parseUnsignedLong(bucket.substring(middle + 1), 16);
        }
      }
    }
    return new TouchWaits(counts);
  }

  /** How many reports each vCPU has made, of the one with the fewest; 0 if one is missing. */
  public static long reports(String console) {
    Map<String, Long> each = new TreeMap<>();
    int[] vcpus = {0};
    whole(console)
        .map(LINE::matcher)
        .filter(Matcher::matches)
        .forEach(
            line -> {
              vcpus[0] = Integer.parseInt(line.group(2), 16);
              each.merge(line.group(1), 1L, Long::sum);
            });
    return each.isEmpty() || each.size() < vcpus[0]
        ? 0
        : each.values().stream().mapToLong(Long::longValue).min().orElse(0);
  }

  private static Stream<String> whole(String console) {
    return console.substring(0, console.lastIndexOf('\n') + 1).lines();
  }

  private static void put(Map<String, String> newest, Matcher line) {
    newest.put(line.group(1), line.group(3));
  }

  /** What was added since. */
  public TouchWaits since(TouchWaits before) {
    long[] left = counts.clone();
    for (int i = 0; i < left.length; i++) {
      left[i] = Math.max(0, left[i] - before.counts[i]);
    }
    return new TouchWaits(left);
  }

  /** How many there were. */
  public long count() {
    return Arrays.stream(counts).sum();
  }

  /**
   * The wait that a share of the touches did not exceed: the middle of its bucket.
   *
   * @param share such as 0.99
   * @return cycles of the guest's time stamp counter; 0 if there were none
   */
  public double percentileCycles(double share) {
    long wanted = (long) Math.ceil(share * count());
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= wanted && seen > 0) {
        return (floorCycles(i) + floorCycles(i + 1)) / 2.0;
      }
    }
    return 0;
  }

  /** The least of a bucket. */
  static long floorCycles(int bucket) {
    return (long) (STEPS + bucket % STEPS) << (SHORTEST_BIT - 2 + bucket / STEPS);
  }
}
