package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ThreadPriorityTest {
  /** What a thread is scheduled by. */
  private record Scheduling(int policy, int nice) {
    static Scheduling ofThisThread() {
      return new Scheduling(ThreadPriority.policy(), ThreadPriority.nice());
    }
  }

  @Test
  void raisesTheCallingThreadAloneAndNothingThatItStarts() throws Exception {
    Scheduling before = Scheduling.ofThisThread();
    boolean[] allowed = new boolean[1];
    Scheduling[] seen = new Scheduling[2];
    Thread raised =
        new Thread(
            () -> {
              allowed[0] = ThreadPriority.raise();
              seen[0] = Scheduling.ofThisThread();
              Thread child = new Thread(() -> seen[1] = Scheduling.ofThisThread());
              child.start();
              try {
                child.join();
              } catch (InterruptedException e) {
                throw new AssertionError(e);
              }
            });

    raised.start();
    raised.join();

    Scheduling realTime = new Scheduling(ThreadPriority.SCHED_RR, before.nice());
    Scheduling nice = new Scheduling(before.policy(), ThreadPriority.RAISED_NICE);
    if (allowed[0]) {
      assertTrue(seen[0].equals(realTime) || seen[0].equals(nice), seen[0]::toString);
    } else {
      assertEquals(before, seen[0]);
    }
    if (seen[0].equals(realTime)) {
      assertEquals(before, seen[1]);
    }
    assertEquals(before, Scheduling.ofThisThread());
  }
}
