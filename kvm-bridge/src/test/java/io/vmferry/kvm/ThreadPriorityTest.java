package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ThreadPriorityTest {
  @Test
  void raisesTheCallingThreadAlone() throws Exception {
    int before = ThreadPriority.nice();
    int[] seen = new int[2];
    Thread raised =
        new Thread(
            () -> {
              seen[0] = ThreadPriority.raise() ? 1 : 0;
              seen[1] = ThreadPriority.nice();
            });

    raised.start();
    raised.join();

    assertEquals(seen[0] == 1 ? ThreadPriority.RAISED : before, seen[1]);
    assertEquals(before, ThreadPriority.nice());
  }
}
