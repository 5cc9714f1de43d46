package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ThrottleTest {
  private static final long MIB = 1 << 20;
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private final AtomicLong clock = new AtomicLong(17);

  @Test
  void letsOneRequestOverdrawAndMakesTheNextPayForIt() {
    Throttle throttle = new Throttle(MIB, clock::get);

    assertEquals(0, throttle.reserve(2 * MIB));
    assertEquals(2 * SECOND, throttle.reserve(1));
  }

  @Test
  void keepsTheRateOverManyRequests() {
    Throttle throttle = new Throttle(100 * MIB, clock::get);
    long start = clock.get();

    for (int i = 0; i < 1000; i++) {
      for (long wait = throttle.reserve(MIB); wait > 0; wait = throttle.reserve(MIB)) {
        clock.addAndGet(wait);
      }
    }

    long elapsed = clock.get() - start;
    assertEquals(10.0, elapsed / (double) SECOND, 0.1);
  }

  @Test
  void savesOnlyALittleWhileIdle() {
    Throttle throttle = new Throttle(100 * MIB, clock::get);
    clock.addAndGet(3600 * SECOND);

    throttle.reserve(10 * MIB);

    assertEquals(0.08, throttle.reserve(1) / (double) SECOND, 0.001);
  }

  @Test
  void paysBackAtTheNewRateAfterAChange() {
    Throttle throttle = new Throttle(MIB, clock::get);
    throttle.reserve(10 * MIB);

    throttle.setBytesPerSecond(10 * MIB);

    assertEquals(SECOND, throttle.reserve(1));
  }

  @Test
  void neverWaitsWithoutALimit() {
    Throttle throttle = new Throttle(1, clock::get);
    throttle.reserve(MIB);

    throttle.setBytesPerSecond(Throttle.UNLIMITED);

    assertEquals(0, throttle.reserve(Long.MAX_VALUE));
    assertEquals(0, throttle.reserve(Long.MAX_VALUE));
  }

  @Test
  void aWaiterNoticesThatTheLimitIsGone() {
    Throttle throttle = new Throttle(1);
    throttle.reserve(1000 * MIB);

    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          CountDownLatch waiting = new CountDownLatch(1);
          Thread waiter =
              new Thread(
                  () -> {
                    try {
                      throttle.acquire(
                          1,
                          () -> {
                            waiting.countDown();
                            return false;
                          });
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                  });
          waiter.start();
          waiting.await();
          throttle.setBytesPerSecond(Throttle.UNLIMITED);
          waiter.join();
        });
  }

  @Test
  void aStoppedWaiterReturns() {
    Throttle throttle = new Throttle(1);
    throttle.reserve(1000 * MIB);

    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> throttle.acquire(1, () -> true));
  }

  @Test
  void rejectsANegativeRate() {
    assertThrows(IllegalArgumentException.class, () -> new Throttle(-1));
  }
}
