package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ThrottlePolicyTest {
  private static final long SENT = 1000;

  @Test
  void leavesAGuestAloneWhoseRoundsShrink() {
    ThrottlePolicy policy = ThrottlePolicy.NONE;
    for (int round = 0; round < 10; round++) {
      policy = policy.afterRound(SENT, SENT / 2);
    }

    assertEquals(0, policy.percent());
  }

  @Test
  void oneBurstIsNoReasonToThrottle() {
    ThrottlePolicy policy =
        ThrottlePolicy.NONE.afterRound(SENT, SENT).afterRound(SENT, 0).afterRound(SENT, SENT);

    assertEquals(0, policy.percent());
  }

  @Test
  void throttlesInStepsUpToTheLast() {
    ThrottlePolicy policy = ThrottlePolicy.NONE.afterRound(SENT, SENT);
    int[] expected = {20, 30, 40, 50, 60, 70, 80, 90, 99, 99};
    for (int percent : expected) {
      policy = policy.afterRound(SENT, SENT);
      assertEquals(percent, policy.percent());
    }
  }

  @Test
  void keepsTheThrottleThatWorks() {
    ThrottlePolicy policy =
        ThrottlePolicy.NONE
            .afterRound(SENT, SENT)
            .afterRound(SENT, SENT)
            .afterRound(SENT, SENT / 4);

    assertEquals(20, policy.percent());
    assertEquals(30, policy.afterRound(SENT, SENT).percent());
  }
}
