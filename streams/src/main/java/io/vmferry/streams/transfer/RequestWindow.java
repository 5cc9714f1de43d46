package io.vmferry.streams.transfer;

import java.util.concurrent.TimeUnit;

/**
 * How many background requests may be under way on a connection whose answers come in order.
 *
 * <p>A demanded page waits behind all of them, so the window follows the time from a request to its
 * answer: it grows while that is near the shortest ever seen, which is the way there and back with
 * an empty queue, and shrinks when the queue makes it a multiple.
 *
 * <p>Belongs to the receiving thread; the size may be read by any.
 */
final class RequestWindow {
  /** Requests of the largest window fit the smallest socket buffer: a write of them never waits. */
  static final int MAX_REQUESTS = 512;

  private static final long MIN_BYTES = 128 << 10;
  private static final int MIN_REQUESTS = 2;
  private static final long QUEUE_NANOS = TimeUnit.MICROSECONDS.toNanos(60);

  private final int least;
  private final int most;
  private volatile int size;
  private long shortestNanos = Long.MAX_VALUE;

  /** A window for pages of that size. */
  RequestWindow(long pageBytes) {
    this((int) Math.max(MIN_REQUESTS, MIN_BYTES / pageBytes), MAX_REQUESTS);
  }

  /** A window between two sizes, which starts with the smaller. */
  RequestWindow(int least, int most) {
    this.least = least;
    this.most = most;
    this.size = least;
  }

  int size() {
    return size;
  }

  /** The first of the requests that were sent together was answered after so long. */
  void answered(long nanos) {
    shortestNanos = Math.min(shortestNanos, nanos);
    long wanted = shortestNanos + Math.max(shortestNanos, QUEUE_NANOS);
    if (nanos <= wanted) {
      size = Math.min(most, size + Math.max(1, size / 8));
    } else if (nanos > wanted + wanted / 2) {
      size = Math.max(least, size - Math.max(1, size / 4));
    }
  }
}
