package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.pages.RoundPlan.Decision;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RoundPlanTest {
  private static final Duration BUDGET = Duration.ofMillis(300);
  private static final Duration TIMEOUT = Duration.ofSeconds(60);
  private final RoundPlan cancelling = new RoundPlan(BUDGET, TIMEOUT, TimeoutStrategy.CANCEL);
  private final RoundPlan ignoring = new RoundPlan(BUDGET, TIMEOUT, TimeoutStrategy.IGNORE);

  @Test
  void switchesOverWhenTheEstimateFitsTheBudget() {
    assertEquals(Decision.SWITCH_OVER, cancelling.decide(1 << 20, BUDGET, Duration.ZERO));
  }

  @Test
  void goesOnWhileTheEstimateExceedsTheBudget() {
    assertEquals(
        Decision.ANOTHER_ROUND, cancelling.decide(1 << 20, BUDGET.plusNanos(1), Duration.ZERO));
  }

  @Test
  void switchesOverWhenNothingIsDirtyWhateverTheEstimate() {
    assertEquals(
        Decision.SWITCH_OVER, cancelling.decide(0, Duration.ofNanos(Long.MAX_VALUE), TIMEOUT));
  }

  @Test
  void appliesTheStrategyAtTheTimeout() {
    Duration tooLong = BUDGET.multipliedBy(2);

    assertEquals(Decision.CANCEL, cancelling.decide(1 << 20, tooLong, TIMEOUT));
    assertEquals(Decision.SWITCH_OVER, ignoring.decide(1 << 20, tooLong, TIMEOUT));
  }

  @Test
  void movesAConvergedGuestEvenIfTheTimeoutHasStruck() {
    assertEquals(Decision.SWITCH_OVER, cancelling.decide(1 << 20, BUDGET, TIMEOUT.multipliedBy(2)));
  }

  @Test
  void neverStrikesWithoutATimeout() {
    RoundPlan patient = new RoundPlan(BUDGET, Duration.ZERO, TimeoutStrategy.CANCEL);

    assertEquals(
        Decision.ANOTHER_ROUND,
        patient.decide(1 << 20, BUDGET.multipliedBy(2), Duration.ofDays(365)));
  }

  @Test
  void estimatesFromMeasuredBandwidth() {
    DowntimeEstimate estimate =
        DowntimeEstimate.unknown().withRound(100 << 20, Duration.ofSeconds(1).toNanos());

    assertEquals(Duration.ofMillis(500), estimate.expected(50 << 20, 0));
  }

  @Test
  void estimatesWithTheLimitWhereItIsLower() {
    DowntimeEstimate estimate =
        DowntimeEstimate.unknown().withRound(100 << 20, Duration.ofSeconds(1).toNanos());

    assertEquals(Duration.ofSeconds(5), estimate.expected(50 << 20, 10 << 20));
  }

  @Test
  void followsAChangeOfTheLink() {
    DowntimeEstimate estimate = DowntimeEstimate.unknown();
    long second = Duration.ofSeconds(1).toNanos();
    estimate = estimate.withRound(100 << 20, second);
    for (int i = 0; i < 4; i++) {
      estimate = estimate.withRound(10 << 20, second);
    }

    double mib = estimate.bytesPerSecond() / (1 << 20);
    assertTrue(mib > 10 && mib < 16, "bandwidth " + mib + " MiB/s");
  }

  @Test
  void keepsTheFigureWhenARoundIsTooSmallToMeasure() {
    DowntimeEstimate measured = DowntimeEstimate.unknown().withRound(100 << 20, 1_000_000_000L);

    assertEquals(measured, measured.withRound(4096, 1_000_000L));
  }

  @Test
  void addsTheFixedPart() {
    DowntimeEstimate estimate =
        DowntimeEstimate.unknown().withRound(1 << 20, 1_000_000_000L).withFixed(BUDGET);

    assertEquals(BUDGET, estimate.expected(0, 0));
    assertEquals(BUDGET.plusSeconds(1), estimate.expected(1 << 20, 0));
  }

  @Test
  void expectsTheWorstWhileNothingIsMeasured() {
    assertEquals(Duration.ofNanos(Long.MAX_VALUE), DowntimeEstimate.unknown().expected(1, 0));
    assertEquals(Duration.ZERO, DowntimeEstimate.unknown().expected(0, 0));
  }
}
