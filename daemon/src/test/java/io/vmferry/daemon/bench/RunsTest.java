package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class RunsTest {
  private static final long GIB = 1L << 30;

  @Test
  void theMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle() {
    assertEquals(new Spread(2.5, 1, 9), Spread.of(List.of(9.0, 2.0, 1.0, 3.0)));
    assertEquals(new Spread(2, 1, 9), Spread.of(List.of(9.0, 2.0, 1.0)));
    assertNull(Spread.of(List.of()));
  }

  @Test
  void extremesThatLookTheSameAreNotWritten() {
    assertEquals("2.0", new Spread(2, 1.99, 2.01).text("%.1f"));
    assertEquals("2.0 (1.0-3.0)", new Spread(2, 1, 3).text("%.1f"));
  }

  @Test
  void contendersTakeTurnsForwardsAndBackwards() throws Exception {
    List<RunFigures> runs =
        Runs.alternate(3, () -> {}, List.of(() -> run("a", 1), () -> run("b", 1)));

    assertEquals("abbaab", String.join("", runs.stream().map(RunFigures::contender).toList()));
  }

  /** The third round was slow for both: that is the machine, not a contender. */
  @Test
  void ratiosPairRunsOfTheSameRound() {
    List<RunFigures> runs =
        List.of(
            run("a", 100),
            run("b", 200),
            run("b", 220),
            run("a", 100),
            run("a", 900),
            run("b", 1800));

    Spread ratio = Runs.ratio(runs, "a", "b", RunFigures::gibPerSecond);

    assertNotNull(ratio);
    assertEquals(2, ratio.median(), 1e-9);
    assertEquals(2.2, ratio.max(), 1e-9);
  }

  @Test
  void aRatioWithoutAPeerIsNone() {
    assertNull(Runs.ratio(List.of(run("a", 1)), "a", "b", RunFigures::gibPerSecond));
  }

  @Test
  void throughputIsMemoryOverTime() {
    assertEquals(2.0, run("a", 500).gibPerSecond());
  }

  @Test
  void aGoalIsMetByItsMedian() {
    assertTrue(Goal.atLeast("x", 1.3, new Spread(1.3, 0.9, 2)).met());
    assertFalse(Goal.atMost("x", 1.3, new Spread(1.31, 1, 2)).met());
    assertTrue(Goal.underMillis("x", 20, new Spread(15, 10, 60)).met());
    assertEquals(">= 1.3", Goal.atLeast("x", 1.3, new Spread(1, 1, 1)).limitText());
    assertEquals("<= 20 ms", Goal.underMillis("x", 20, new Spread(1, 1, 1)).limitText());
  }

  static RunFigures run(String contender, double millis) {
    return RunFigures.timed(
        contender, GIB, millis, RunFigures.ProcessUse.cpu(0.5), RunFigures.ProcessUse.cpu(1.5));
  }
}
