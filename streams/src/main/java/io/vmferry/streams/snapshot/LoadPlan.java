package io.vmferry.streams.snapshot;

import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * In which pieces a working set is loaded: roughly as it was demanded, but in large reads. Runs
 * that were demanded about the same time are put in order of address, and what lies between two
 * neighbours is read with them if it is short: it is wanted later anyway.
 */
final class LoadPlan {
  // Order of demand is kept between parts of this size: some ten milliseconds of a disk's time.
  private static final long PART_BYTES = 32 << 20;
  // With many reads under way a disk reads about this much in the time that another one costs.
  private static final long GAP_BYTES = 16 << 10;

  /**
   * Pages that are loaded at once.
   *
   * @param first a page's number in {@link GuestPages}
   */
  record Piece(long first, long count) {}

  private final GuestPages pages;
  private final long mostPages;
  private final List<Piece> pieces = new ArrayList<>();

  private LoadPlan(GuestPages pages, long mostPages) {
    this.pages = pages;
    this.mostPages = mostPages;
  }

  /**
   * Plans.
   *
   * @param runs of the guest's memory, in order of demand
   * @param pages the guest's
   * @param mostPages of one piece
   * @return pieces, none across two regions; one page may be in several
   */
  static List<Piece> of(List<PageRun> runs, GuestPages pages, long mostPages) {
    LoadPlan plan = new LoadPlan(pages, mostPages);
    List<PageRun> part = new ArrayList<>();
    long bytes = 0;
    for (PageRun run : runs) {
      part.add(run);
      bytes += run.lengthBytes();
      if (bytes >= PART_BYTES) {
        plan.addPart(part);
        part.clear();
        bytes = 0;
      }
    }
    plan.addPart(part);
    return plan.pieces;
  }

  private void addPart(List<PageRun> part) {
    part.sort(Comparator.comparingLong(run -> pages.indexOf(run.gpa())));
    long gap = GAP_BYTES / pages.pageBytes();
    long first = 0;
    long end = 0;
    for (PageRun run : part) {
      long start = pages.indexOf(run.gpa());
      long stop = pages.indexOf(run.gpa() + run.lengthBytes() - 1) + 1;
      if (start - end > gap || first == end) {
        add(first, end);
        first = start;
      }
      end = Math.max(end, stop);
    }
    add(first, end);
  }

  private void add(long first, long end) {
    for (long page = first; page < end; ) {
      long count = Math.min(mostPages, Math.min(end, pages.regionEnd(page)) - page);
      pieces.add(new Piece(page, count));
      page += count;
    }
  }
}
