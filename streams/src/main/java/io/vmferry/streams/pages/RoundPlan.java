package io.vmferry.streams.pages;

import java.time.Duration;

/**
 * When precopy ends. Asked after every round, and it says: another round, switch over, or give up.
 *
 * @param downtime the budget: the longest downtime that needs no excuse
 * @param timeout how long precopy may last before {@code strategy} applies; zero for no limit
 * @param strategy what to do at the timeout
 */
public record RoundPlan(Duration downtime, Duration timeout, TimeoutStrategy strategy) {

  /** The default budget of DESIGN.md, section 5. */
  public static final Duration DEFAULT_DOWNTIME = Duration.ofMillis(300);

  /** What to do next. */
  public enum Decision {
    /** Send what is dirty while the guest runs on. */
    ANOTHER_ROUND,
    /** Pause the guest and send the rest. */
    SWITCH_OVER,
    /** Cancel: precopy did not converge in time. */
    CANCEL
  }

  /** Checks the plan. */
  public RoundPlan {
    if (downtime.isNegative() || timeout.isNegative()) {
      throw new IllegalArgumentException("downtime and timeout must not be negative");
    }
  }

  /**
   * Whether the guest can be paused now and the rest sent within the budget.
   *
   * @param dirtyBytes all that is left to send
   * @param expectedDowntime the estimate for {@code dirtyBytes}
   */
  public boolean fits(long dirtyBytes, Duration expectedDowntime) {
    return dirtyBytes == 0 || expectedDowntime.compareTo(downtime) <= 0;
  }

  /**
   * Decides after a round. A guest that converged is moved even if the timeout has struck: that is
   * what the caller wanted.
   *
   * @param dirtyBytes bytes dirtied during the round, all that is left to send
   * @param expectedDowntime the estimate for {@code dirtyBytes}
   * @param elapsed since precopy began
   */
  public Decision decide(long dirtyBytes, Duration expectedDowntime, Duration elapsed) {
    if (fits(dirtyBytes, expectedDowntime)) {
      return Decision.SWITCH_OVER;
    }
    if (!isTimeOver(elapsed)) {
      return Decision.ANOTHER_ROUND;
    }
    return strategy == TimeoutStrategy.CANCEL ? Decision.CANCEL : Decision.SWITCH_OVER;
  }

  /** Whether the timeout has struck; for a caller that checks within a long round, too. */
  public boolean isTimeOver(Duration elapsed) {
    return !timeout.isZero() && elapsed.compareTo(timeout) >= 0;
  }
}
