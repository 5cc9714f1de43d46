package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.RequiresKvm;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A guest's state, saved from one machine, continues on another. */
@RequiresKvm
@Timeout(120)
class StateIT {
  private static final long PATIENCE_NANOS = Duration.ofSeconds(30).toNanos();

  private KvmSystem system;

  @BeforeAll
  static void installKick() throws Exception {
    VcpuKick.install();
  }

  @BeforeEach
  void open() throws Exception {
    system = KvmSystem.open();
  }

  @AfterEach
  void close() {
    system.close();
  }

  @Test
  void timersInterruptTheGuest() throws Exception {
    try (TestGuest guest = InterruptGuest.periodic(system)) {
      boot(guest);

      runUntil(
          guest, () -> InterruptGuest.pitTicks(guest) > 3 && InterruptGuest.apicTicks(guest) > 3);

      assertEquals(0, InterruptGuest.lineInterrupts(guest));
    }
  }

  private static void boot(TestGuest guest) throws SyscallException {
    assertEquals(Exit.IO, guest.vcpu.run(), guest.vcpu::errorDetail);
    assertEquals(InterruptGuest.READY_PORT, guest.vcpu.ioPort());
  }

  /** Runs the guest on a thread of its own until the condition holds. */
  private static void runUntil(TestGuest guest, BooleanSupplier condition) throws Exception {
    AtomicReference<Exception> failure = new AtomicReference<>();
    AtomicReference<Exit> exit = new AtomicReference<>();
    CountDownLatch ended = new CountDownLatch(1);
    Thread runner =
        new Thread(
            () -> {
              try {
                exit.set(guest.vcpu.run());
              } catch (SyscallException | RuntimeException e) {
                failure.set(e);
              } finally {
                ended.countDown();
              }
            },
            "vcpu-test");
    runner.start();
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.getAsBoolean() && ended.getCount() > 0 && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    boolean reached = condition.getAsBoolean();
    guest.vcpu.requestExit();
    runner.join();
    guest.vcpu.setImmediateExit(false);
    if (failure.get() != null) {
      throw failure.get();
    }
    assertEquals(Exit.INTERRUPTED, exit.get(), guest.vcpu::errorDetail);
    assertTrue(reached, "the guest did not get there in time");
  }
}
