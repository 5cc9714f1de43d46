package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LinkShapeTest {
  @Test
  void noneIsLoopbackAsItIs() {
    assertFalse(LinkShape.parse("none").isShaped());
  }

  @Test
  void aRateMayHaveARoundTripTime() {
    LinkShape shape = LinkShape.parse("10gbit,rtt=0.5ms");

    assertTrue(shape.isShaped());
    assertEquals(1_250_000_000L, shape.bytesPerSecond());
    assertEquals(Duration.ofNanos(500_000), shape.roundTrip());
    assertEquals(Duration.ofNanos(200_000), LinkShape.parse("1Gbit,rtt=200us").roundTrip());
    assertEquals(Duration.ZERO, LinkShape.parse("1gbit").roundTrip());
  }

  /** Source: tc-tbf(8): the bucket holds at least what leaves between two ticks. */
  @Test
  void theBucketHoldsWhatLeavesInATick() {
    assertEquals("5000000", LinkShape.parse("10gbit").tbf().get(4));
    assertEquals("500000", LinkShape.parse("1gbit").tbf().get(4));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "2gbit", "1gbit,rtt=1", "1gbit,rtt=1s", "1gbit rtt=1ms", "none,rtt=1ms"})
  void anythingElseIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> LinkShape.parse(text));
  }
}
