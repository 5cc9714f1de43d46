package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import java.util.Arrays;
import java.util.List;

/**
 * The pages of a guest, numbered through all its regions by rising address, so that one bitmap
 * serves the whole guest. Immutable.
 */
public final class GuestPages {
  /** What {@link #indexOf} says of an address outside. */
  public static final long OUTSIDE = -1;

  private final long[] bases;
  private final long[] sizes;
  private final long[] firstPages;
  private final long pageBytes;
  private final long count;

  /**
   * Numbers the pages.
   *
   * @param regions by rising address, not overlapping; base and size multiples of the page size
   * @param pageBytes a power of two
   */
  public GuestPages(List<GuestRegion> regions, long pageBytes) {
    this.pageBytes = pageBytes;
    this.bases = new long[regions.size()];
    this.sizes = new long[regions.size()];
    this.firstPages = new long[regions.size()];
    long pages = 0;
    for (int i = 0; i < bases.length; i++) {
      bases[i] = regions.get(i).base().value();
      sizes[i] = regions.get(i).sizeBytes();
      if (((bases[i] | sizes[i]) & (pageBytes - 1)) != 0) {
        throw new IllegalArgumentException(
            "slot " + regions.get(i).slot() + " is not whole pages of " + pageBytes + " bytes");
      }
      firstPages[i] = pages;
      pages += sizes[i] / pageBytes;
    }
    this.count = pages;
  }

  /** The pages that the guest's memory is made of. */
  public static GuestPages of(GuestMemory memory) {
    return new GuestPages(memory.regions(), memory.pageSize().bytes());
  }

  /** How many pages there are. */
  public long count() {
    return count;
  }

  /** The size of a page in bytes. */
  public long pageBytes() {
    return pageBytes;
  }

  /** The number of the page that holds the address, or {@link #OUTSIDE}. */
  public long indexOf(long gpa) {
    int i = last(bases, gpa);
    long offset = i < 0 ? -1 : gpa - bases[i];
    return offset < 0 || offset >= sizes[i] ? OUTSIDE : firstPages[i] + offset / pageBytes;
  }

  /** Whether a range is one or more whole pages of one region. */
  public boolean areWhole(long gpa, long lengthBytes) {
    long first = indexOf(gpa);
    return first != OUTSIDE
        && lengthBytes > 0
        && ((gpa | lengthBytes) & (pageBytes - 1)) == 0
        && lengthBytes / pageBytes <= regionEnd(first) - first;
  }

  /**
   * The index of the region, in the order they were given, that holds a page.
   *
   * @throws IndexOutOfBoundsException if there is no such page
   */
  public int regionOf(long page) {
    if (page < 0 || page >= count) {
      throw new IndexOutOfBoundsException("page " + page + " of " + count);
    }
    return last(firstPages, page);
  }

  /** How far a page is behind the start of its region, in bytes. */
  public long offsetOf(long page) {
    return (page - firstPages[regionOf(page)]) * pageBytes;
  }

  /** The page after the last one of the region that holds {@code page}. */
  public long regionEnd(long page) {
    int region = regionOf(page);
    return firstPages[region] + sizes[region] / pageBytes;
  }

  /**
   * Where a page begins.
   *
   * @throws IndexOutOfBoundsException if there is no such page
   */
  public Gpa gpaOf(long page) {
    int region = regionOf(page);
    return new Gpa(bases[region] + (page - firstPages[region]) * pageBytes);
  }

  /** The last of the rising values that is not above {@code value}, or -1. */
  private static int last(long[] rising, long value) {
    int found = Arrays.binarySearch(rising, value);
    return found >= 0 ? found : -found - 2;
  }
}
