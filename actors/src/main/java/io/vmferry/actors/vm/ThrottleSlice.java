package io.vmferry.actors.vm;

import io.vmferry.streams.pages.ThrottlePolicy;
import java.util.concurrent.TimeUnit;

/**
 * How a throttled vCPU's time is cut: in the guest, then out of it, about ten milliseconds
 * together.
 *
 * @param percent share of the time out of the guest, 1 to {@link ThrottlePolicy#MAX_PERCENT}
 */
record ThrottleSlice(int percent) {
  private static final long SLICE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  // Less than this and the kick, 30 us when all goes well, decides how much the guest gets. Above
  // 95 % the slice grows instead, to 50 ms.
  private static final long MIN_IN_NANOS = TimeUnit.MICROSECONDS.toNanos(500);
  // A host too busy to end a slice has throttled the guest already; it need not wait for seconds.
  private static final long MAX_OUT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  ThrottleSlice {
    if (percent < 1 || percent > ThrottlePolicy.MAX_PERCENT) {
      throw new IllegalArgumentException("a throttle of " + percent + " %, not 1 to 99");
    }
  }

  /** How long the vCPUs may be in the guest. */
  long inNanos() {
    return Math.max(MIN_IN_NANOS, SLICE_NANOS * (100 - percent) / 100);
  }

  /**
   * How long they stay out for that.
   *
   * @param inNanos how long they were in
   */
  long outNanos(long inNanos) {
    return Math.min(MAX_OUT_NANOS, inNanos * percent / (100 - percent));
  }
}
