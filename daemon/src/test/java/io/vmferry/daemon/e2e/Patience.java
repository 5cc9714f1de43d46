package io.vmferry.daemon.e2e;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Waits for what another process does and does not announce. */
public final class Patience {
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private Patience() {}

  /** A condition that asks a node. */
  @FunctionalInterface
  public interface Condition {
    /** Whether it has come true. */
    boolean holds() throws IOException, InterruptedException;
  }

  /** Asks again and again; fails with {@code otherwise} after so many seconds. */
  public static void until(long seconds, Condition condition, Supplier<String> otherwise)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    while (!condition.holds()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError(otherwise.get());
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }
}
