package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class VcpuThrottleTest {
  private static final long MILLI = TimeUnit.MILLISECONDS.toNanos(1);

  @Test
  void cutsTheTimeByTheShare() {
    ThrottleSlice half = new ThrottleSlice(50);
    ThrottleSlice most = new ThrottleSlice(90);

    assertEquals(5 * MILLI, half.inNanos());
    assertEquals(5 * MILLI, half.outNanos(5 * MILLI));
    assertEquals(MILLI, most.inNanos());
    assertEquals(9 * MILLI, most.outNanos(MILLI));
  }

  @Test
  void aVcpuThatWasInForLongerStaysOutForLongerWithinReason() {
    ThrottleSlice half = new ThrottleSlice(50);

    assertEquals(20 * MILLI, half.outNanos(20 * MILLI));
    assertEquals(100 * MILLI, half.outNanos(1000 * MILLI));
  }

  @Test
  void refusesAShareThatIsNone() {
    assertThrows(IllegalArgumentException.class, () -> new ThrottleSlice(0));
    assertThrows(IllegalArgumentException.class, () -> new ThrottleSlice(100));
  }

  @Test
  void kicksEveryVcpuSliceAfterSliceUntilItIsLifted() throws Exception {
    CountDownLatch first = new CountDownLatch(3);
    CountDownLatch second = new CountDownLatch(3);
    VcpuThrottle throttle = new VcpuThrottle("test");
    throttle.add(first::countDown);
    throttle.add(second::countDown);
    assertTrue(throttle.outNanos() <= 0);

    throttle.set(50);
    first.await();
    second.await();
    throttle.set(0);

    while (Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("throttle-test"))) {
      Thread.onSpinWait();
    }
    assertTrue(throttle.outNanos() <= 0);
  }
}
