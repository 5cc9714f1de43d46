package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.transfer.Guests;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class LoadPlanTest {
  private static final long PAGE = 4096;
  private static final long MOST = 64;

  @AutoClose private final GuestMemory memory = guest();
  private final GuestPages pages = GuestPages.of(memory);

  private static GuestMemory guest() {
    try {
      return Guests.threeRegions();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private PageRun run(long page, long count) {
    return new PageRun(pages.gpaOf(page).value(), count * PAGE);
  }

  private List<LoadPlan.Piece> plan(List<PageRun> runs) {
    return LoadPlan.of(runs, pages, MOST);
  }

  private static LoadPlan.Piece piece(long first, long count) {
    return new LoadPlan.Piece(first, count);
  }

  @Test
  void neighboursAndWhatIsShortBetweenThemAreOnePiece() {
    assertEquals(
        List.of(piece(0, 10), piece(15, 1)),
        plan(List.of(run(15, 1), run(9, 1), run(0, 2), run(4, 1))));
    assertEquals(List.of(), plan(List.of()));
  }

  @Test
  void piecesAreBoundedAndEndWithTheirRegion() {
    long end = pages.regionEnd(0);
    assertEquals(List.of(piece(10, MOST), piece(10 + MOST, 6)), plan(List.of(run(10, MOST + 6))));
    assertEquals(
        List.of(piece(end - 1, 1), piece(end, 1)), plan(List.of(run(end, 1), run(end - 1, 1))));
  }

  @Test
  void whatWasDemandedMuchLaterComesLater() {
    List<PageRun> runs = new ArrayList<>();
    for (int i = 0; i < (32 << 20) / (64 * PAGE); i++) {
      runs.add(run(300, 64));
    }
    runs.add(run(0, 1));

    assertEquals(List.of(piece(300, 64), piece(0, 1)), plan(runs));
  }
}
