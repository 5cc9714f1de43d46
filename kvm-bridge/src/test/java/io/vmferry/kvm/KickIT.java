package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.code;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.RequiresKvm;
import java.util.Collection;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests to leave KVM_RUN, beside a collector that runs all the time: none is lost. */
@RequiresKvm
@Timeout(600)
class KickIT {
  private static final int KICKS = 1_000;

  private final AtomicBoolean stop = new AtomicBoolean();
  private final Semaphore interrupted = new Semaphore(0);
  private final Collection<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final AtomicLong otherExits = new AtomicLong();

  @BeforeAll
  static void install() throws Exception {
    VcpuKick.install();
    VcpuKick.install();
  }

  @Test
  void aSpinningGuestIsInterruptedByEachKick() throws Exception {
    try (KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system).realMode(code("ebfe"))) { // jmp to itself
      kickMany(guest);

      assertEquals(0, otherExits.get());
    }
  }

  @Test
  void aGuestThatExitsAllTheTimeIsInterruptedByEachKick() throws Exception {
    // loop: out 0x99,al; jmp loop. Most requests come while the thread is outside of KVM_RUN.
    try (KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system).realMode(code("e699 ebfc"))) {
      kickMany(guest);

      assertTrue(otherExits.get() > 0);
    }
  }

  @Test
  void aRequestBeforeTheRunIsKept() throws Exception {
    try (KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system).realMode(code("ebfe"))) {
      guest.vcpu.requestExit();

      assertEquals(Exit.INTERRUPTED, guest.vcpu.run());
      assertEquals(Exit.INTERRUPTED, guest.vcpu.run(), "until it is taken back");
    }
  }

  @Test
  void aRunningVcpuCannotBeClosed() throws Exception {
    try (KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system).realMode(code("e699 ebfe"))) {
      assertEquals(Exit.IO, guest.vcpu.run());
      Thread runner = start("vcpu-close", () -> assertEquals(Exit.INTERRUPTED, guest.vcpu.run()));
      while (!guest.vcpu.isRunning() && runner.isAlive()) {
        Thread.onSpinWait();
      }

      assertThrows(IllegalStateException.class, guest.vcpu::close);

      guest.vcpu.requestExit();
      runner.join();
      assertEquals(0, failures.size(), failures::toString);
    }
  }

  @Test
  void aKickOfAnEndedThreadIsReported() throws Exception {
    int[] threadId = new int[1];
    Thread ended = start("ended", () -> threadId[0] = VcpuKick.currentThreadId());
    ended.join();
    assertTrue(threadId[0] > 0);

    // join returns a little before the kernel's thread is gone; until then a kick arrives.
    while (VcpuKick.kick(threadId[0])) {
      Thread.onSpinWait();
    }
  }

  private void kickMany(TestGuest guest) throws Exception {
    Thread collector = start("collector", this::collect);
    Thread runner = start("vcpu-kick", () -> run(guest.vcpu));
    for (int i = 0; i < KICKS && failures.isEmpty(); i++) {
      guest.vcpu.requestExit();
      assertTrue(interrupted.tryAcquire(20, TimeUnit.SECONDS), "kick " + i + " is lost");
    }
    stop.set(true);
    guest.vcpu.requestExit();
    runner.join();
    collector.join();

    assertNull(failures.stream().findFirst().orElse(null));
  }

  private void run(KvmVcpu vcpu) throws SyscallException {
    while (!stop.get()) {
      if (vcpu.run() == Exit.INTERRUPTED) {
        vcpu.setImmediateExit(false);
        interrupted.release();
      } else {
        otherExits.incrementAndGet();
      }
    }
  }

  private void collect() {
    while (!stop.get()) {
      System.gc();
    }
  }

  private Thread start(String name, ThrowingRunnable body) {
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (Exception | AssertionError e) {
                failures.add(e);
              }
            },
            name);
    thread.start();
    return thread;
  }

  /** A body that may fail. */
  private interface ThrowingRunnable {
    void run() throws Exception;
  }
}
