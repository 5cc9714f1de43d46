package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;

class StoppableRunsTest {
  private static final long MIB = 1L << 20;

  @Test
  void handsOutEverythingInPieces() {
    StoppableRuns runs = runs(new PageRun(0, 9 * MIB), new PageRun(64 * MIB, 4096));

    assertEquals(
        List.of(
            new PageRun(0, 4 * MIB),
            new PageRun(4 * MIB, 4 * MIB),
            new PageRun(8 * MIB, MIB),
            new PageRun(64 * MIB, 4096)),
        all(runs));
    assertThrows(NoSuchElementException.class, runs::next);
    assertFalse(runs.rest().hasNext());
  }

  @Test
  void whatWasNotHandedOutIsTheRest() {
    StoppableRuns runs = runs(new PageRun(0, 9 * MIB), new PageRun(64 * MIB, 4096));
    assertEquals(new PageRun(0, 4 * MIB), runs.next());

    runs.stop();

    assertFalse(runs.hasNext());
    assertEquals(
        List.of(
            new PageRun(4 * MIB, 4 * MIB), new PageRun(8 * MIB, MIB), new PageRun(64 * MIB, 4096)),
        all(runs.rest()));
  }

  @Test
  void keepsThePromiseOfARunThatAStopOvertakes() {
    StoppableRuns runs = runs(new PageRun(0, 4096), new PageRun(8192, 4096));
    assertTrue(runs.hasNext());

    runs.stop();

    assertEquals(new PageRun(0, 4096), runs.next());
    assertEquals(List.of(new PageRun(8192, 4096)), all(runs.rest()));
  }

  private static StoppableRuns runs(PageRun... runs) {
    return new StoppableRuns(List.of(runs).iterator());
  }

  private static List<PageRun> all(Iterator<PageRun> runs) {
    List<PageRun> all = new ArrayList<>();
    runs.forEachRemaining(all::add);
    return all;
  }
}
