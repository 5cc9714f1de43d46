package io.vmferry.daemon.bench;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The network between source and destination.
 *
 * @param name as the user wrote it: {@code none}, {@code 1gbit}, {@code 10gbit}, perhaps with
 *     {@code ,rtt=1ms}
 * @param bitsPerSecond 0 for loopback, unshaped
 * @param roundTrip added to every exchange; zero for none
 */
public record LinkShape(String name, long bitsPerSecond, Duration roundTrip) {
  /** Loopback as it is. */
  public static final LinkShape NONE = new LinkShape("none", 0, Duration.ZERO);

  private static final Pattern FORM =
      Pattern.compile("(1|10)gbit(?:,rtt=([0-9]{1,4}(?:\\.[0-9]{1,3})?)(us|ms))?");

  /**
   * Reads one.
   *
   * @throws IllegalArgumentException with one sentence for the user if it is none
   */
  public static LinkShape parse(String text) {
    String word = text.strip().toLowerCase(Locale.ROOT);
    if (word.equals("none")) {
      return NONE;
    }
    Matcher matcher = FORM.matcher(word);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "--link " + text + ": write none, 1gbit or 10gbit, and if wanted ,rtt=1ms behind it");
    }
    Duration roundTrip = Duration.ZERO;
    if (matcher.group(2) != null) {
      double micros =
          Double.parseDouble(matcher.group(2)) * ("ms".equals(matcher.group(3)) ? 1e3 : 1);
      roundTrip = Duration.ofNanos(Math.round(micros * 1e3));
    }
    return new LinkShape(word, Long.parseLong(matcher.group(1)) * 1_000_000_000L, roundTrip);
  }

  /** Whether there is a network to make. */
  public boolean isShaped() {
    return bitsPerSecond > 0;
  }

  /** Bytes per second, 0 for loopback. */
  public long bytesPerSecond() {
    return bitsPerSecond / 8;
  }

  /**
   * The arguments of tc that shape one direction: the rate there, half of the round trip on top.
   */
  List<String> tbf() {
    // The bucket must hold what may leave between two timer ticks (4 ms at 250 Hz), and a whole
    // segment of 64 KiB. Source: tc-tbf(8).
    long burst = Math.max(128 << 10, bytesPerSecond() / 250);
    return List.of(
        "tbf", "rate", bitsPerSecond + "bit", "burst", Long.toString(burst), "latency", "50ms");
  }
}
