package io.vmferry.streams.transfer;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * The requests on a connection that were not answered yet, in their order: one thread at a time
 * adds, one takes, without a lock between them.
 */
final class InFlight {
  private static final int CAPACITY = 2 * RequestWindow.MAX_REQUESTS;
  private static final int MASK = CAPACITY - 1;

  private final long[] pages = new long[CAPACITY];
  private final boolean[] demanded = new boolean[CAPACITY];
  private final long[] sentNanos = new long[CAPACITY];
  // Invariant: slots are written before added moves past them, and read before taken does.
  private final AtomicLong added = new AtomicLong();
  private final AtomicLong taken = new AtomicLong();

  /** Room for more requests. */
  int room() {
    return CAPACITY - (int) (added.get() - taken.get());
  }

  /**
   * Adds a request; there is room.
   *
   * @param nanos when it is sent, or 0 if it is not to be timed
   */
  void add(long page, boolean isDemanded, long nanos) {
    long at = added.getPlain();
    int slot = (int) at & MASK;
    pages[slot] = page;
    demanded[slot] = isDemanded;
    sentNanos[slot] = nanos;
    added.setRelease(at + 1);
  }

  /** Whether all were answered; any thread. */
  boolean isEmpty() {
    return added.getAcquire() == taken.getAcquire();
  }

  /** The page of the oldest request. */
  long page() {
    return pages[oldest()];
  }

  /** Whether the guest waits for the oldest one's page. */
  boolean isDemanded() {
    return demanded[oldest()];
  }

  /** When the oldest was sent; 0 if it is not to be timed. */
  long sentNanos() {
    return sentNanos[oldest()];
  }

  /** The oldest is answered. */
  void take() {
    taken.setRelease(taken.getPlain() + 1);
  }

  /** Demanded pages in their order; exact once nobody takes any more. */
  void eachDemanded(LongConsumer page) {
    long end = added.getAcquire();
    for (long at = taken.getAcquire(); at < end; at++) {
      if (demanded[(int) at & MASK]) {
        page.accept(pages[(int) at & MASK]);
      }
    }
  }

  private int oldest() {
    return (int) taken.getPlain() & MASK;
  }
}
