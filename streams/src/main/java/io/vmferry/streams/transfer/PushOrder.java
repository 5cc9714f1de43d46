package io.vmferry.streams.transfer;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Where pushing goes on: behind the page that was demanded last, as guests walk through memory.
 * Shared by the threads that serve faults and those that push. Thread-safe, free of locks.
 */
public final class PushOrder {
  private final AtomicLong next = new AtomicLong();

  /** Pages were demanded; what follows them is pushed next. */
  void demanded(long first, long count) {
    next.set(first + count);
  }

  /** The page to look at next. */
  long next() {
    return next.get();
  }

  /** Pushing has come from {@code from} to before {@code end}; a demand meanwhile comes first. */
  void pushed(long from, long end) {
    next.compareAndSet(from, end);
  }
}
