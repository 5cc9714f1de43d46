package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class PageRunsTest {
  private static final long PAGE = 4096;

  @Test
  void unitesOverlappingAndTouchingRunsOnce() {
    List<PageRun> one = List.of(new PageRun(8 * PAGE, 2 * PAGE), new PageRun(0, 2 * PAGE));
    List<PageRun> other = List.of(new PageRun(PAGE, 2 * PAGE), new PageRun(10 * PAGE, PAGE));

    List<PageRun> union = PageRuns.union(one, other);

    assertEquals(List.of(new PageRun(0, 3 * PAGE), new PageRun(8 * PAGE, 3 * PAGE)), union);
    assertEquals(6 * PAGE, PageRuns.bytes(union));
  }

  @Test
  void keepsARunThatIsInsideAnother() {
    List<PageRun> union =
        PageRuns.union(List.of(new PageRun(0, 8 * PAGE)), List.of(new PageRun(2 * PAGE, PAGE)));

    assertEquals(List.of(new PageRun(0, 8 * PAGE)), union);
  }
}
