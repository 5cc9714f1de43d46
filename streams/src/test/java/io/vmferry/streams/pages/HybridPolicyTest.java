package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class HybridPolicyTest {
  @Test
  void goesOnWhileEveryRoundLeavesAQuarterLess() {
    assertFalse(new HybridPolicy(1000).gainsTooLittle(750));
    assertFalse(new HybridPolicy(1000).gainsTooLittle(0));
  }

  @Test
  void endsTheRoundsOnceOneLeavesAlmostAsMuchOrMore() {
    assertTrue(new HybridPolicy(1000).gainsTooLittle(751));
    assertTrue(new HybridPolicy(1000).gainsTooLittle(5000));
    assertTrue(new HybridPolicy(0).gainsTooLittle(1));
  }
}
