package io.vmferry.streams.pages;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Arithmetic on lists of page runs. */
public final class PageRuns {
  private PageRuns() {}

  /**
   * The pages that are in either list, each once.
   *
   * @param one runs in any order, which may touch but not overlap each other
   * @param other the same
   * @return runs by rising address, as long as can be
   */
  public static List<PageRun> union(List<PageRun> one, List<PageRun> other) {
    List<PageRun> sorted = new ArrayList<>(one.size() + other.size());
    sorted.addAll(one);
    sorted.addAll(other);
    sorted.sort(Comparator.comparing(PageRun::start));
    List<PageRun> union = new ArrayList<>(sorted.size());
    for (PageRun run : sorted) {
      PageRun last = union.isEmpty() ? null : union.get(union.size() - 1);
      if (last == null || last.gpa() + last.lengthBytes() < run.gpa()) {
        union.add(run);
      } else {
        long end = Math.max(last.gpa() + last.lengthBytes(), run.gpa() + run.lengthBytes());
        union.set(union.size() - 1, new PageRun(last.gpa(), end - last.gpa()));
      }
    }
    return List.copyOf(union);
  }

  /** Bytes in all runs. */
  public static long bytes(List<PageRun> runs) {
    return runs.stream().mapToLong(PageRun::lengthBytes).sum();
  }
}
