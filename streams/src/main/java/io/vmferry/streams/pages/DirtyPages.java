package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestRegion;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot of a guest's dirty log: one bit for each 4 KiB page of its regions, whatever pages
 * back them, because KVM logs that way. Immutable.
 *
 * <p>Costs 2 MiB for 64 GiB of guest memory, however the dirty pages lie, and runs are made only as
 * they are asked for. A session holds three at a time: the round's, the newest look at the log, and
 * at the switchover their union.
 */
public final class DirtyPages {
  /** Bytes that one bit stands for. */
  public static final long PAGE_BYTES = 4096;

  /** Nothing is dirty. */
  public static final DirtyPages NONE = new DirtyPages(List.of());

  private final List<Region> regions;
  private final long dirtyPages;

  private DirtyPages(List<Region> regions) {
    this(regions, regions.stream().mapToLong(Region::count).sum());
  }

  private DirtyPages(List<Region> regions, long dirtyPages) {
    this.regions = regions;
    this.dirtyPages = dirtyPages;
  }

  /**
   * The dirty pages of one region.
   *
   * @param base where the region begins
   * @param pages its 4 KiB pages; bits beyond are ignored
   * @param words bit i of word w is page 64w + i. Copied, by index from 0
   */
  public static DirtyPages ofRegion(Gpa base, long pages, LongBuffer words) {
    long[] copy = new long[Math.toIntExact((pages + 63) >>> 6)];
    words.get(0, copy);
    if ((pages & 63) != 0) {
      copy[copy.length - 1] &= (1L << (pages & 63)) - 1;
    }
    return new DirtyPages(List.of(new Region(base.value(), pages, copy)));
  }

  /**
   * The pages of runs.
   *
   * @param regions the guest's, by rising address
   * @param runs each inside one region, of whole pages of 4 KiB
   */
  public static DirtyPages of(List<GuestRegion> regions, Iterator<PageRun> runs) {
    List<Region> empty =
        regions.stream()
            .map(region -> new Region(region.base().value(), region.sizeBytes() / PAGE_BYTES))
            .toList();
    DirtyPages at = new DirtyPages(empty);
    while (runs.hasNext()) {
      PageRun run = runs.next();
      Region region = Objects.requireNonNull(at.at(run.gpa()), "a run in no region");
      region.set((run.gpa() - region.base) / PAGE_BYTES, run.lengthBytes() / PAGE_BYTES);
    }
    return new DirtyPages(empty);
  }

  /** The dirty pages of one guest from those of its regions, which do not overlap. */
  public static DirtyPages joined(List<DirtyPages> parts) {
    List<Region> all = new ArrayList<>();
    parts.forEach(part -> all.addAll(part.regions));
    all.sort(Comparator.comparingLong(region -> region.base));
    // Counted when they were made: this is called for each look at a log, and while a guest stands.
    long dirtyPages = parts.stream().mapToLong(part -> part.dirtyPages).sum();
    return new DirtyPages(List.copyOf(all), dirtyPages);
  }

  /**
   * The pages that are dirty in either.
   *
   * @param other of the same regions, or {@link #NONE}
   */
  public DirtyPages or(DirtyPages other) {
    if (isEmpty()) {
      return other;
    }
    if (other.isEmpty()) {
      return this;
    }
    if (regions.size() != other.regions.size()) {
      throw new IllegalArgumentException("dirty pages of different guests");
    }
    List<Region> union = new ArrayList<>(regions.size());
    for (int i = 0; i < regions.size(); i++) {
      union.add(regions.get(i).or(other.regions.get(i)));
    }
    return new DirtyPages(List.copyOf(union));
  }

  /**
   * The larger pages that have a dirty page in them, whole.
   *
   * @param pageBytes a power of two, a divisor of every region's base and size
   */
  public DirtyPages rounded(long pageBytes) {
    long unit = pageBytes / PAGE_BYTES;
    return unit <= 1
        ? this
        : new DirtyPages(regions.stream().map(region -> region.rounded(unit)).toList());
  }

  /** Bytes in all dirty pages. */
  public long bytes() {
    return dirtyPages * PAGE_BYTES;
  }

  /** Whether no page is dirty. */
  public boolean isEmpty() {
    return dirtyPages == 0;
  }

  /** Neighbouring dirty pages as runs, as long as can be inside a region, by rising address. */
  public Iterator<PageRun> runs() {
    return new Runs(regions);
  }

  /**
   * The first dirty page at or behind an address.
   *
   * @param gpa a page of some region
   * @param end not beyond that region's end
   * @return {@code end} if there is none before it, as with an address in no region
   */
  public long nextDirty(long gpa, long end) {
    Region region = at(gpa);
    return region == null ? end : region.next(gpa, end, 0);
  }

  /**
   * The first page at or behind an address that is not dirty.
   *
   * @param gpa a page of some region
   * @param end not beyond that region's end
   * @return {@code end} if there is none before it; {@code gpa} if it is in no region
   */
  public long nextClean(long gpa, long end) {
    Region region = at(gpa);
    return region == null ? gpa : region.next(gpa, end, -1L);
  }

  private @Nullable Region at(long gpa) {
    int low = 0;
    int high = regions.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Region region = regions.get(middle);
      if (gpa < region.base) {
        high = middle - 1;
      } else if (gpa >= region.base + region.pages * PAGE_BYTES) {
        low = middle + 1;
      } else {
        return region;
      }
    }
    return null;
  }

  @Override
  public String toString() {
    return dirtyPages + " dirty pages in " + regions.size() + " regions";
  }

  /** One region's bitmap; bits past its last page are clear. */
  private static final class Region {
    final long base;
    final long pages;
    private final long[] words;

    Region(long base, long pages, long[] words) {
      this.base = base;
      this.pages = pages;
      this.words = words;
    }

    /** No page is dirty. */
    Region(long base, long pages) {
      this(base, pages, new long[Math.toIntExact((pages + 63) >>> 6)]);
    }

    /** Only while the region is made. */
    void set(long first, long number) {
      for (long page = first; page < first + number; ) {
        long end = Math.min(first + number, (page | 63) + 1);
        words[(int) (page >>> 6)] |= -1L << (page & 63) & -1L >>> (-end & 63);
        page = end;
      }
    }

    Region rounded(long unit) {
      Region all = new Region(base, pages);
      for (long page = nextPage(0, pages, 0); page < pages; page = nextPage(page, pages, 0)) {
        long first = page / unit * unit;
        all.set(first, unit);
        page = first + unit;
      }
      return all;
    }

    long count() {
      long count = 0;
      for (long word : words) {
        count += Long.bitCount(word);
      }
      return count;
    }

    Region or(Region other) {
      if (other.base != base || other.pages != pages) {
        throw new IllegalArgumentException("dirty pages of different regions");
      }
      long[] union = words.clone();
      for (int i = 0; i < union.length; i++) {
        union[i] |= other.words[i];
      }
      return new Region(base, pages, union);
    }

    /** The first page in [gpa, end) whose bit differs from those of {@code flip}, or the end. */
    long next(long gpa, long end, long flip) {
      long page = (gpa - base) / PAGE_BYTES;
      long last = (end - base) / PAGE_BYTES;
      long found = nextPage(page, last, flip);
      return found >= last ? end : Math.max(gpa, base + found * PAGE_BYTES);
    }

    long nextPage(long from, long to, long flip) {
      if (from >= to) {
        return to;
      }
      int index = (int) (from >>> 6);
      int lastIndex = (int) ((to - 1) >>> 6);
      long word = (words[index] ^ flip) & (-1L << (from & 63));
      while (word == 0 && index < lastIndex) {
        word = words[++index] ^ flip;
      }
      return word == 0 ? to : Math.min(to, ((long) index << 6) + Long.numberOfTrailingZeros(word));
    }
  }

  private static final class Runs implements Iterator<PageRun> {
    private final List<Region> regions;
    private int index;
    private long start;

    Runs(List<Region> regions) {
      this.regions = regions;
      seek(0);
    }

    @Override
    public boolean hasNext() {
      return index < regions.size();
    }

    @Override
    public PageRun next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Region region = regions.get(index);
      long end = region.nextPage(start, region.pages, -1L);
      PageRun run = new PageRun(region.base + start * PAGE_BYTES, (end - start) * PAGE_BYTES);
      seek(end);
      return run;
    }

    /** Moves to the next dirty page, in this region or a later one. */
    private void seek(long from) {
      start = from;
      while (index < regions.size()) {
        Region region = regions.get(index);
        start = region.nextPage(start, region.pages, 0);
        if (start < region.pages) {
          return;
        }
        index++;
        start = 0;
      }
    }
  }
}
