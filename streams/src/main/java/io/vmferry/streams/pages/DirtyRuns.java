package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The dirty bitmap of one memslot read as runs: neighbouring dirty pages become one run, because
 * every run costs a table entry on the wire and a call on the socket.
 */
public final class DirtyRuns {
  private DirtyRuns() {}

  /**
   * The runs of set bits, in ascending order.
   *
   * @param words the bitmap; bit i of word w is page 64w + i. Read by index from 0: position and
   *     limit do not change
   * @param pages pages of the memslot; bits beyond are ignored
   * @param base where the memslot begins
   * @param pageBytes bytes a bit stands for (KVM logs 4 KiB pages whatever backs the memslot)
   */
  public static List<PageRun> of(LongBuffer words, long pages, Gpa base, long pageBytes) {
    List<PageRun> runs = new ArrayList<>();
    long page = nextSet(words, 0, pages);
    while (page < pages) {
      long end = nextClear(words, page, pages);
      runs.add(new PageRun(base.value() + page * pageBytes, (end - page) * pageBytes));
      page = nextSet(words, end, pages);
    }
    return runs;
  }

  /**
   * How many of the first {@code pages} bits are set.
   *
   * @param words the bitmap, as in {@link #of}
   */
  public static long count(LongBuffer words, long pages) {
    long dirtyPages = 0;
    int whole = (int) (pages >>> 6);
    for (int i = 0; i < whole; i++) {
      dirtyPages += Long.bitCount(words.get(i));
    }
    int rest = (int) (pages & 63);
    if (rest != 0) {
      dirtyPages += Long.bitCount(words.get(whole) & ((1L << rest) - 1));
    }
    return dirtyPages;
  }

  /** The sum of the lengths in bytes. */
  public static long bytes(List<PageRun> runs) {
    long total = 0;
    for (PageRun run : runs) {
      total += run.lengthBytes();
    }
    return total;
  }

  private static long nextSet(LongBuffer words, long from, long pages) {
    return next(words, from, pages, 0);
  }

  private static long nextClear(LongBuffer words, long from, long pages) {
    return next(words, from, pages, -1L);
  }

  /** The first page at or after {@code from} whose bit differs from those of {@code flip}. */
  private static long next(LongBuffer words, long from, long pages, long flip) {
    long page = from;
    while (page < pages) {
      long word = (words.get((int) (page >>> 6)) ^ flip) >>> (page & 63);
      if (word != 0) {
        return Math.min(pages, page + Long.numberOfTrailingZeros(word));
      }
      page = (page | 63) + 1;
    }
    return pages;
  }
}
