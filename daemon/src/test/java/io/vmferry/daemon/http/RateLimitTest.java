package io.vmferry.daemon.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RateLimitTest {
  private static final int PER_SECOND = 10;
  private static final int BURST = 20;

  private long now = Long.MAX_VALUE - 5; // nanoTime may overflow
  private final RateLimit limit = new RateLimit(PER_SECOND, BURST, () -> now);

  private static InetAddress address(String text) throws UnknownHostException {
    return InetAddress.getByName(text);
  }

  private int taken(String caller) throws UnknownHostException {
    int taken = 0;
    while (taken <= 2 * BURST && limit.take(address(caller)).isZero()) {
      taken++;
    }
    return taken;
  }

  @Test
  void aBurstIsLetInAndThenNoMore() throws Exception {
    assertEquals(BURST, taken("10.0.0.1"));
  }

  @Test
  void permitsComeBackAtTheRateUpToTheBurst() throws Exception {
    taken("10.0.0.1");

    now += Duration.ofMillis(500).toNanos();
    assertEquals(PER_SECOND / 2, taken("10.0.0.1"));

    now += Duration.ofHours(1).toNanos();
    assertEquals(BURST, taken("10.0.0.1"));
  }

  @Test
  void itSaysHowLongToWait() throws Exception {
    taken("10.0.0.1");

    assertEquals(Duration.ofMillis(100), limit.take(address("10.0.0.1")));
    now += Duration.ofMillis(60).toNanos();
    Duration left = limit.take(address("10.0.0.1"));
    assertTrue(left.toMillis() >= 39 && left.toMillis() <= 41, left::toString);
  }

  @Test
  void callersDoNotWaitForEachOther() throws Exception {
    taken("10.0.0.1");

    assertEquals(BURST, taken("10.0.0.2"));
    assertEquals(BURST, taken("2001:db8::1"));
  }

  @Test
  void oneNetworkOfIpv6IsOneCaller() throws Exception {
    taken("2001:db8::1");

    assertEquals(0, taken("2001:db8::ffff:1"));
    assertEquals(BURST, taken("2001:db8:0:1::1"));
  }

  @Test
  void ofTooManyCallersTheOneThatWasSilentLongestIsForgotten() throws Exception {
    taken("10.0.0.1");
    taken("10.0.0.2");
    for (int i = 0; i < RateLimit.MOST_ADDRESSES - 1; i++) {
      limit.take(InetAddress.getByAddress(new byte[] {11, 0, (byte) (i >> 8), (byte) i}));
      assertTrue(limit.take(address("10.0.0.1")).compareTo(Duration.ZERO) > 0);
    }

    assertEquals(0, taken("10.0.0.1"));
    assertEquals(BURST, taken("10.0.0.2"));
  }
}
