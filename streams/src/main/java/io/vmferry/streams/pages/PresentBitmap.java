package io.vmferry.streams.pages;

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
    long added = 0;
    for (long page = first; page < first + number; page++) {
      if (set(page)) {
        added++;
      }
    }
    return added;
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
