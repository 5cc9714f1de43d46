package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.RequiresKvm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
  // Source: Intel SDM volume 1, 3.4.3: IF.
  private static final long INTERRUPTS_ON = 1 << 9;
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

  @Test
  void periodicTimersGoOnOnAnotherMachine() throws Exception {
    try (TestGuest source = InterruptGuest.periodic(system);
        TestGuest destination = TestGuest.withIrqchip(system)) {
      boot(source);
      runUntil(source, () -> InterruptGuest.apicTicks(source) > 3);

      move(source, destination);

      long count = InterruptGuest.count(destination);
      long pit = InterruptGuest.pitTicks(destination);
      long apic = InterruptGuest.apicTicks(destination);
      runUntil(
          destination,
          () ->
              InterruptGuest.pitTicks(destination) > pit + 3
                  && InterruptGuest.apicTicks(destination) > apic + 3);
      assertTrue(InterruptGuest.count(destination) > count);
      assertSumIsRight(destination);

      // The IOAPIC's input is still routed to the guest's handler.
      destination.vm.setIrqLine(InterruptGuest.LINE, true);
      destination.vm.setIrqLine(InterruptGuest.LINE, false);
      runUntil(destination, () -> InterruptGuest.lineInterrupts(destination) == 1);
    }
  }

  @Test
  void aTscDeadlineStillStrikesOnAnotherMachine() throws Exception {
    try (TestGuest source = InterruptGuest.deadline(system);
        TestGuest destination = TestGuest.withIrqchip(system)) {
      boot(source);
      runUntil(source, () -> InterruptGuest.apicTicks(source) > 3);

      move(source, destination);

      // Only the handler arms the timer again: a deadline lost on the way ends the ticks.
      long ticks = InterruptGuest.apicTicks(destination);
      runUntil(destination, () -> InterruptGuest.apicTicks(destination) > ticks + 3);
      assertSumIsRight(destination);
    }
  }

  @Test
  void manyMovesLoseNoTimerAndNoTurnOfTheLoop() throws Exception {
    TestGuest current = InterruptGuest.periodic(system);
    try {
      boot(current);
      for (int i = 0; i < 25; i++) {
        TestGuest running = current;
        long pit = InterruptGuest.pitTicks(running);
        long apic = InterruptGuest.apicTicks(running);
        runUntil(
            running,
            () ->
                InterruptGuest.pitTicks(running) > pit && InterruptGuest.apicTicks(running) > apic);
        assertSumIsRight(running);
        TestGuest next = TestGuest.withIrqchip(system);
        current = next;
        move(running, next);
        running.close();
      }
    } finally {
      current.close();
    }
  }

  @Test
  void aSavedStateIsWhatTheOtherMachineThenHas() throws Exception {
    try (TestGuest source = InterruptGuest.periodic(system);
        TestGuest destination = TestGuest.withIrqchip(system)) {
      boot(source);
      runUntil(source, () -> InterruptGuest.apicTicks(source) > 1);
      Map<String, byte[]> parts = new HashMap<>(source.vcpu.saveState().parts());
      parts.get("XSAVE")[160] = 0x5a; // the low byte of XMM0 in the legacy area
      parts.get("XSAVE")[512] |= 2; // XSTATE_BV: SSE state is there
      parts.get("DEBUGREGS")[0] = 0x77; // DR0
      VcpuState state = VcpuState.of(parts);
      copyMemory(source, destination);

      destination.vcpu.restoreState(state);

      Map<String, byte[]> restored = destination.vcpu.saveState().parts();
      assertEquals(state.parts().keySet(), restored.keySet());
      for (String name :
          List.of(
              "CPUID",
              "REGS",
              "SREGS",
              "XSAVE",
              "XCRS",
              "MP_STATE",
              "DEBUGREGS",
              "TSC_KHZ",
              "EVENTS")) {
        assertArrayEquals(state.part(name), restored.get(name), name);
      }
      assertArrayEquals(
          withoutTimes(state.part("MSRS")), withoutTimes(restored.get("MSRS")), "MSRS");
      // Current count, at 0x390, runs on; everything else is as it was.
      assertArrayEquals(
          withoutCurrentCount(state.part("LAPIC")), withoutCurrentCount(restored.get("LAPIC")));
      long tscBefore = msr(state.part("MSRS"), Msrs.IA32_TSC);
      long tscAfter = msr(restored.get("MSRS"), Msrs.IA32_TSC);
      assertTrue(tscAfter >= tscBefore, tscAfter + " is before " + tscBefore);
    }
  }

  @Test
  void guestMsrsAndTheKvmClockMove() throws Exception {
    int systemTime = 0x4b564d01; // MSR_KVM_SYSTEM_TIME_NEW
    int kernelGsBase = 0xc0000102;
    try (TestGuest source = InterruptGuest.periodic(system);
        TestGuest destination = TestGuest.withIrqchip(system)) {
      boot(source);
      Map<String, byte[]> parts = new HashMap<>(source.vcpu.saveState().parts());
      setMsr(parts.get("MSRS"), systemTime, 0x9001);
      setMsr(parts.get("MSRS"), kernelGsBase, 0x1234_5000L);
      source.vcpu.restoreState(VcpuState.of(parts));
      source.vm.setClock(Duration.ofHours(3).toNanos());

      move(source, destination);

      byte[] msrs = destination.vcpu.saveState().part("MSRS");
      assertEquals(0x9001, msr(msrs, systemTime));
      assertEquals(0x1234_5000L, msr(msrs, kernelGsBase));
      long clock = destination.vm.clock();
      assertTrue(clock >= Duration.ofHours(3).toNanos(), () -> "clock " + clock);
      assertTrue(clock < Duration.ofHours(4).toNanos(), () -> "clock " + clock);
      long count = InterruptGuest.count(destination);
      runUntil(destination, () -> InterruptGuest.count(destination) > count);
      assertTrue(destination.vcpu.notifyPaused());
    }
  }

  @Test
  void aStateOfAnotherShapeIsRefused() throws Exception {
    try (TestGuest guest = TestGuest.withIrqchip(system);
        TestGuest bare = TestGuest.bare(system)) {
      Map<String, byte[]> parts = new HashMap<>(guest.vcpu.saveState().parts());
      parts.put("REGS", new byte[7]);

      IllegalArgumentException size =
          assertThrows(
              IllegalArgumentException.class, () -> guest.vcpu.restoreState(VcpuState.of(parts)));
      IllegalArgumentException devices =
          assertThrows(
              IllegalArgumentException.class, () -> bare.vm.restoreState(guest.vm.saveState()));

      assertEquals(
          "state part REGS has 7 bytes, but this machine's KVM takes 144", size.getMessage());
      assertEquals("the state has an irqchip, but this machine has none", devices.getMessage());
    }
  }

  @Test
  void aRefusedMsrIsNamed() throws Exception {
    try (TestGuest guest = TestGuest.bare(system)) {
      byte[] entry = new byte[Msrs.ENTRY_BYTES];
      // No processor has this one; a value that is not zero would be lost.
      ByteBuffer.wrap(entry).order(ByteOrder.LITTLE_ENDIAN).putInt(0, 0xbad).putLong(8, 5);
      Map<String, byte[]> parts = new HashMap<>(guest.vcpu.saveState().parts());
      parts.put("MSRS", entry);

      SyscallException refused =
          assertThrows(SyscallException.class, () -> guest.vcpu.restoreState(VcpuState.of(parts)));

      assertTrue(refused.getMessage().contains("msr=0xbad, value=0x5"), refused::getMessage);
    }
  }

  private static void move(TestGuest source, TestGuest destination) throws SyscallException {
    VcpuState vcpuState = VcpuState.of(source.vcpu.saveState().parts());
    VmState vmState = VmState.of(source.vm.saveState().parts());
    copyMemory(source, destination);
    destination.vcpu.restoreState(vcpuState);
    destination.vm.restoreState(vmState);
  }

  private static void copyMemory(TestGuest source, TestGuest destination) {
    int size = (int) source.memory.sizeBytes();
    destination.memory.write(0, source.memory.read(0, size));
  }

  /** RCX counts the turns and R8 sums them up; between two instructions R8 may be one behind. */
  private static void assertSumIsRight(TestGuest guest) throws Exception {
    while ((guest.vcpu.regs().rflags() & INTERRUPTS_ON) == 0) {
      // Stopped inside a handler, which has RCX in use.
      runUntil(guest, () -> true);
    }
    VcpuRegs regs = guest.vcpu.regs();
    long count = regs.rcx();
    long complete = count * (count + 1) / 2;
    assertTrue(
        regs.r8() == complete || regs.r8() == complete - count,
        () -> "sum " + regs.r8() + " of " + count);
  }

  private static byte[] withoutCurrentCount(byte[] lapic) {
    byte[] copy = lapic.clone();
    Arrays.fill(copy, 0x390, 0x394, (byte) 0);
    return copy;
  }

  /** The MSRs that the passing of time does not change. */
  private static byte[] withoutTimes(byte[] msrs) {
    byte[] copy = msrs.clone();
    setMsr(copy, Msrs.IA32_TSC, 0);
    return copy;
  }

  private static long msr(byte[] entries, int index) {
    return buffer(entries).getLong(position(entries, index) + 8);
  }

  private static void setMsr(byte[] entries, int index, long value) {
    buffer(entries).putLong(position(entries, index) + 8, value);
  }

  private static int position(byte[] entries, int index) {
    for (int at = 0; at < entries.length; at += Msrs.ENTRY_BYTES) {
      if (buffer(entries).getInt(at) == index) {
        return at;
      }
    }
    throw new AssertionError(String.format("MSR 0x%x is not saved", index));
  }

  private static ByteBuffer buffer(byte[] entries) {
    return ByteBuffer.wrap(entries).order(ByteOrder.LITTLE_ENDIAN);
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
