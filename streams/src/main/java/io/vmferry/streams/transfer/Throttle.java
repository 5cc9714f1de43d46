package io.vmferry.streams.transfer;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * A bandwidth limit shared by the connections of one migration: a token bucket that a caller may
 * overdraw once, so that a request of any size passes and the average still holds. The rate may
 * change while callers wait; they notice at once.
 *
 * <p>Thread-safe.
 */
public final class Throttle {
  /** The rate that means no limit. */
  public static final long UNLIMITED = 0;

  private static final long NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);
  // Idle time saves up at most this much: enough to ride out a late wake-up, too little to be seen
  // as a burst on the link.
  private static final long MAX_SAVED_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  // How late a caller may notice that its round was stopped.
  private static final long MAX_WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final LongSupplier nanoClock;
  private long bytesPerSecond;
  private double tokens;
  private long filledAtNanos;

  /**
   * A limit in bytes per second.
   *
   * @param bytesPerSecond the rate, {@link #UNLIMITED} for none
   */
  public Throttle(long bytesPerSecond) {
    this(bytesPerSecond, System::nanoTime);
  }

  Throttle(long bytesPerSecond, LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
    this.bytesPerSecond = checked(bytesPerSecond);
    this.filledAtNanos = nanoClock.getAsLong();
  }

  /** No limit, until a rate is set. */
  public static Throttle unlimited() {
    return new Throttle(UNLIMITED);
  }

  /** The rate in force, in bytes per second; {@link #UNLIMITED} for none. */
  public long bytesPerSecond() {
    lock.lock();
    try {
      return bytesPerSecond;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Changes the rate. What was overdrawn is paid back at the new one.
   *
   * @param newBytesPerSecond the rate, {@link #UNLIMITED} for none
   */
  public void setBytesPerSecond(long newBytesPerSecond) {
    lock.lock();
    try {
      fill();
      bytesPerSecond = checked(newBytesPerSecond);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until {@code bytes} may be sent.
   *
   * @param stopped asked while it waits; true ends the wait at once
   * @throws InterruptedException if the thread was interrupted while it waited
   */
  public void acquire(long bytes, BooleanSupplier stopped) throws InterruptedException {
    boolean unused = acquire(bytes, Long.MAX_VALUE, stopped);
  }

  /**
   * The same for a limited time.
   *
   * @return false if the time is over and {@code bytes} may not be sent yet
   */
  boolean acquire(long bytes, long mostNanos, BooleanSupplier stopped) throws InterruptedException {
    long start = nanoClock.getAsLong();
    lock.lock();
    try {
      long waitNanos = reserve(bytes);
      while (waitNanos > 0 && !stopped.getAsBoolean()) {
        if (nanoClock.getAsLong() - start >= mostNanos) {
          return false;
        }
        long unused = changed.awaitNanos(Math.min(waitNanos, MAX_WAIT_NANOS));
        waitNanos = reserve(bytes);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Takes the tokens and returns 0, or takes nothing and returns how long to wait. */
  long reserve(long bytes) {
    lock.lock();
    try {
      fill();
      if (bytesPerSecond == UNLIMITED) {
        return 0;
      }
      if (tokens < 0) {
        return (long) Math.ceil(-tokens * NANOS_PER_SECOND / bytesPerSecond);
      }
      tokens -= bytes;
      return 0;
    } finally {
      lock.unlock();
    }
  }

  private void fill() {
    long now = nanoClock.getAsLong();
    long elapsedNanos = now - filledAtNanos;
    filledAtNanos = now;
    if (bytesPerSecond == UNLIMITED) {
      tokens = 0;
      return;
    }
    double saved = (double) MAX_SAVED_NANOS * bytesPerSecond / NANOS_PER_SECOND;
    tokens = Math.min(saved, tokens + (double) elapsedNanos * bytesPerSecond / NANOS_PER_SECOND);
  }

  private static long checked(long bytesPerSecond) {
    if (bytesPerSecond < 0) {
      throw new IllegalArgumentException("bandwidth " + bytesPerSecond + " B/s is negative");
    }
    return bytesPerSecond;
  }
}
