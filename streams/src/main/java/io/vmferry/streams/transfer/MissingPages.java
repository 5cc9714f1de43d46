package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The pages that a destination lacks when its guest begins to run: all of them in postcopy; in
 * hybrid those that the source has discarded, because they did not come or are out of date.
 *
 * <p>Not thread-safe. Source: docs/protocol.md#hybrid.
 */
public final class MissingPages {
  // A hugepage that the kernel maps whole is unmapped whole: its other pages are here, and a fault
  // on one of them needs no source.
  private static final long UNMAPPED_BYTES = 2L << 20;

  private final GuestMemory memory;
  private final GuestPages pages;
  private final PresentBitmap missing;

  private MissingPages(GuestMemory memory) {
    this.memory = memory;
    this.pages = GuestPages.of(memory);
    this.missing = new PresentBitmap(pages.count());
  }

  /** None of them: a destination in hybrid, before the first Discard. */
  public static MissingPages none(GuestMemory memory) {
    return new MissingPages(memory);
  }

  /** All of them: a destination in postcopy. */
  public static MissingPages all(GuestMemory memory) {
    MissingPages all = new MissingPages(memory);
    all.missing.set(0, all.missing.pages());
    return all;
  }

  /** The memory that they are missing from. */
  public GuestMemory memory() {
    return memory;
  }

  /**
   * Takes the table of one Discard.
   *
   * @throws ProtocolException if a range is not whole pages of the guest; the ranges before it are
   *     taken
   */
  public void add(MemoryRangeTable table) throws ProtocolException {
    for (int i = 0; i < table.count(); i++) {
      if (!pages.areWhole(table.gpa(i), table.length(i))) {
        throw new ProtocolException(
            "whole pages inside one region of the guest's memory", table.range(i).toString());
      }
      missing.set(pages.indexOf(table.gpa(i)), table.length(i) / pages.pageBytes());
    }
  }

  /** Whether there is none: then the rounds have brought the guest whole. */
  public boolean isEmpty() {
    return missing.count() == 0;
  }

  /** Bytes of the pages that are here. */
  public long presentBytes() {
    return missing.missing() * pages.pageBytes();
  }

  /** The pages that are here, for {@link ArrivingPages}. */
  public PresentBitmap present() {
    return missing.inverted();
  }

  /**
   * Takes them away from the guest: from now on each faults when it is touched. To be called before
   * userfaultfd watches the memory, and while nobody touches it.
   *
   * @throws IOException if the kernel refuses
   */
  public void unmap() throws IOException {
    for (GuestRegion region : memory.regions()) {
      unmap(region);
    }
  }

  private void unmap(GuestRegion region) throws IOException {
    long unit = Math.max(UNMAPPED_BYTES, pages.pageBytes());
    for (long from = 0; from < region.sizeBytes(); ) {
      long to = from;
      while (to < region.sizeBytes() && holdsMissing(region, to, unit)) {
        to += unit;
      }
      long end = Math.min(to, region.sizeBytes());
      if (end > from) {
        region.mapping().dontNeed(from, end - from);
      }
      from = to + unit;
    }
  }

  private boolean holdsMissing(GuestRegion region, long offset, long unit) {
    long first = pages.indexOf(region.base().value() + offset);
    long bytes = Math.min(unit, region.sizeBytes() - offset);
    long found = missing.nextSet(first);
    return found >= 0 && found < first + bytes / pages.pageBytes();
  }

  /**
   * The digest of the pages that are here; add what {@link ArrivingPages} reports of the others.
   *
   * @throws IOException if the memory cannot be read
   */
  public long presentDigest() throws IOException {
    long stale = 0;
    ByteBuffer chunk = MemoryDigest.chunk();
    for (long first = missing.nextSet(0); first >= 0; ) {
      long end = endOfRun(first);
      stale +=
          MemoryDigest.of(memory, pages.gpaOf(first), (end - first) * pages.pageBytes(), chunk);
      first = missing.nextSet(end);
    }
    return MemoryDigest.of(memory) - stale;
  }

  private long endOfRun(long first) {
    long clear = missing.nextClear(first);
    return clear < 0 ? pages.regionEnd(first) : Math.min(clear, pages.regionEnd(first));
  }
}
