package io.vmferry.streams.pages;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which pages are there (or were asked for, or were served): a bit only ever goes from clear to
 * set, so a page is counted once however often it is reported.
 *
 * <p>Thread-safe and free of locks.
 */
public final class PresentBitmap {
  private final AtomicLongArray words;
  private final AtomicLong count = new AtomicLong();
  private final long pages;

  /**
   * All bits clear.
   *
   * @param pages number of pages, not negative
   */
  public PresentBitmap(long pages) {
    if (pages < 0) {
      throw new IllegalArgumentException("number of pages " + pages + " is negative");
    }
    this.pages = pages;
    this.words = new AtomicLongArray(Math.toIntExact((pages + 63) >>> 6));
  }

  /** A copy of the bits as they are now; bits set meanwhile may be in it or not. */
  public PresentBitmap copy() {
    PresentBitmap copy = new PresentBitmap(pages);
    long set = 0;
    for (int i = 0; i < words.length(); i++) {
      long word = words.get(i);
      copy.words.setPlain(i, word);
      set += Long.bitCount(word);
    }
    copy.count.set(set);
    return copy;
  }

  /** As many bits, each the opposite of what it is now. */
  public PresentBitmap inverted() {
    PresentBitmap inverted = new PresentBitmap(pages);
    for (int i = 0; i < words.length(); i++) {
      inverted.words.setPlain(i, ~words.get(i) & mask((long) i << 6, pages));
    }
    inverted.count.set(missing());
    return inverted;
  }

  /**
   * Sets one bit.
   *
   * @return whether it was clear until now
   */
  public boolean set(long page) {
    long bit = 1L << (page & 63);
    long before = words.getAndUpdate(wordOf(page), word -> word | bit);
    boolean added = (before & bit) == 0;
    if (added) {
      count.incrementAndGet();
    }
    return added;
  }

  /** Sets {@code number} bits from {@code first} on and returns how many were clear until now. */
  public long set(long first, long number) {
    checkRange(first, number);
    long added = 0;
    long page = first;
    while (page < first + number) {
      long mask = mask(page, first + number);
      long before = words.getAndAccumulate(wordOf(page), mask, (word, bits) -> word | bits);
      added += Long.bitCount(mask & ~before);
      page = (page | 63) + 1;
    }
    count.addAndGet(added);
    return added;
  }

  /**
   * Sets the clear bits from {@code first} on, up to the first set one. Of several threads that ask
   * for the same bit one gets it.
   *
   * @param max at most so many
   * @return how many were set; 0 if the first is set already
   */
  public long setRun(long first, long max) {
    checkRange(first, max);
    long page = first;
    while (page < first + max) {
      int word = wordOf(page);
      long before = words.get(word);
      int clear = Math.min(Long.numberOfTrailingZeros(before >>> (page & 63)), 64);
      long end = Math.min(Math.min(page + clear, (page | 63) + 1), first + max);
      if (end == page) {
        break;
      }
      if (!words.compareAndSet(word, before, before | mask(page, end))) {
        continue;
      }
      page = end;
      if ((end & 63) != 0) {
        break;
      }
    }
    count.addAndGet(page - first);
    return page - first;
  }

  /** The bits from {@code page} to before {@code end}, as far as they are in the page's word. */
  private static long mask(long page, long end) {
    long bits = Math.min(end, (page | 63) + 1) - page;
    return (bits == 64 ? -1L : (1L << bits) - 1) << (page & 63);
  }

  private void checkRange(long first, long number) {
    Objects.checkFromIndexSize(first, number, pages);
  }

  /** Whether the bit is set. */
  public boolean get(long page) {
    return (words.get(wordOf(page)) >>> (page & 63) & 1) != 0;
  }

  /** The first page at or after {@code from} whose bit is clear, or -1 if there is none. */
  public long nextClear(long from) {
    long page = from;
    while (page < pages) {
      long word = ~words.get(wordOf(page)) >>> (page & 63);
      if (word != 0) {
        long found = page + Long.numberOfTrailingZeros(word);
        return found < pages ? found : -1;
      }
      page = (page | 63) + 1;
    }
    return -1;
  }

  /** The first page at or after {@code from} whose bit is set, or -1 if there is none. */
  public long nextSet(long from) {
    long page = from;
    while (page < pages) {
      long word = words.get(wordOf(page)) >>> (page & 63);
      if (word != 0) {
        return page + Long.numberOfTrailingZeros(word);
      }
      page = (page | 63) + 1;
    }
    return -1;
  }

  /** How many bits are set. */
  public long count() {
    return count.get();
  }

  /** How many pages there are. */
  public long pages() {
    return pages;
  }

  /** How many bits are clear. */
  public long missing() {
    return pages - count.get();
  }

  /** Whether every bit is set. */
  public boolean isComplete() {
    return count.get() == pages;
  }

  private int wordOf(long page) {
    if (page < 0 || page >= pages) {
      throw new IndexOutOfBoundsException("page " + page + " of " + pages);
    }
    return (int) (page >>> 6);
  }
}
