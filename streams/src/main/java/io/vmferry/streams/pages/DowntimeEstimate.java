package io.vmferry.streams.pages;

import java.time.Duration;

/**
 * How long moving the rest would take, from what the rounds so far measured. Later rounds weigh
 * more: bandwidth changes while a migration runs. Immutable.
 *
 * @param bytesPerSecond smoothed bandwidth; 0 while nothing was measured
 * @param fixed time of a switchover that does not depend on the memory left (state, replies)
 */
public record DowntimeEstimate(double bytesPerSecond, Duration fixed) {
  // Half of the figure is the newest round: three rounds after a change it is 88 % right.
  private static final double NEWEST_WEIGHT = 0.5;
  // A shorter or smaller round measures wake-ups, not the link.
  private static final long MIN_MEASURED_BYTES = 256 * 1024;
  private static final double NANOS_PER_SECOND = 1e9;

  /** Nothing measured yet, and no fixed part. */
  public static DowntimeEstimate unknown() {
    return new DowntimeEstimate(0, Duration.ZERO);
  }

  /**
   * The estimate after one more round.
   *
   * @param bytes bytes sent and acknowledged
   * @param elapsedNanos time it took
   */
  public DowntimeEstimate withRound(long bytes, long elapsedNanos) {
    boolean tooSmall = bytes < MIN_MEASURED_BYTES && bytesPerSecond > 0;
    if (bytes <= 0 || elapsedNanos <= 0 || tooSmall) {
      return this;
    }
    double measured = bytes * NANOS_PER_SECOND / elapsedNanos;
    double smoothed =
        bytesPerSecond == 0
            ? measured
            : NEWEST_WEIGHT * measured + (1 - NEWEST_WEIGHT) * bytesPerSecond;
    return new DowntimeEstimate(smoothed, fixed);
  }

  /** The estimate with another fixed part. */
  public DowntimeEstimate withFixed(Duration newFixed) {
    return new DowntimeEstimate(bytesPerSecond, newFixed);
  }

  /**
   * The expected downtime if the guest were paused now.
   *
   * @param remainingBytes bytes still to send
   * @param limitBytesPerSecond bandwidth limit in force, 0 for none
   * @return the time, or the longest possible duration while no bandwidth is known
   */
  public Duration expected(long remainingBytes, long limitBytesPerSecond) {
    if (remainingBytes == 0) {
      return fixed;
    }
    double usable =
        limitBytesPerSecond > 0
            ? Math.min(bytesPerSecond, (double) limitBytesPerSecond)
            : bytesPerSecond;
    if (usable <= 0) {
      return Duration.ofNanos(Long.MAX_VALUE);
    }
    // The cast saturates: a hopeless figure is the longest time, not a negative one.
    long nanos = (long) (remainingBytes * NANOS_PER_SECOND / usable);
    return nanos == Long.MAX_VALUE ? Duration.ofNanos(nanos) : fixed.plusNanos(nanos);
  }
}
