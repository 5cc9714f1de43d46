package io.vmferry.kvm.uffd;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.HugepageReservation;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.Uffd.Feature;
import io.vmferry.kvm.uffd.Uffd.Mode;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@RequiresUffd
@Timeout(60)
class UffdIT {
  private static final long PAGE = 4096;

  @Test
  void theKernelHasWhatAMigrationNeeds() throws Exception {
    assertTrue(Uffd.supported().containsAll(Uffd.MIGRATION), () -> "needs " + Uffd.MIGRATION);
  }

  @ParameterizedTest
  @EnumSource(PageSize.class)
  void aMissingPageIsReportedAndFilledByCopy(PageSize pageSize) throws Exception {
    long size = pageSize.bytes();
    try (var pool = HugepageReservation.reserve(pageSize, 1);
        Memfd memfd = Memfd.create("test", size, pageSize);
        Mapping guest = memfd.map(0, size);
        Mapping source = Mapping.anonymous(size);
        Uffd uffd = Uffd.open()) {
      source.fill(0, size, (byte) 42);
      uffd.register(guest.hva(), size, Set.of(Mode.MISSING));
      CompletableFuture<Byte> toucher = Fault.read(guest, size - 1);

      FaultBatch faults = Fault.awaitOne(uffd);
      assertEquals(guest.address(), faults.address(0) & -size);
      assertFalse(faults.write(0));
      assertFalse(faults.minor(0));
      Installed installed = uffd.copy(guest.hva(), source.address(), size, true);

      assertEquals(new Installed(Outcome.INSTALLED, size), installed);
      assertEquals((byte) 42, toucher.get(20, SECONDS));
      assertEquals(0, uffd.read(faults));
      assertTrue(pool != null);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PageSize.class,
      names = {"KIB_4", "MIB_2"})
  void aMinorFaultIsReportedAndResumed(PageSize pageSize) throws Exception {
    long size = pageSize.bytes();
    try (var pool = HugepageReservation.reserve(pageSize, 1);
        Memfd memfd = Memfd.create("test", size, pageSize);
        Mapping guest = memfd.map(0, size);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), size, Set.of(Mode.MINOR, Mode.MISSING));
      memfd.writeAt(0, DirectBuffers.allocate(1).put((byte) 17).flip());
      CompletableFuture<Byte> toucher = Fault.read(guest, 0);

      FaultBatch faults = Fault.awaitOne(uffd);
      assertTrue(faults.minor(0));
      assertEquals(new Installed(Outcome.INSTALLED, size), uffd.resume(guest.hva(), size));

      assertEquals((byte) 17, toucher.get(20, SECONDS));
      assertEquals(new Installed(Outcome.ALREADY_PRESENT, 0), uffd.resume(guest.hva(), size));
      assertTrue(pool != null);
    }
  }

  @Test
  void resumingStopsAtAHole() throws Exception {
    try (Memfd memfd = Memfd.create("test", 3 * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, 3 * PAGE);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), 3 * PAGE, Set.of(Mode.MINOR));
      memfd.writeAt(0, DirectBuffers.allocate((int) PAGE).put(0, (byte) 17));

      assertEquals(new Installed(Outcome.HOLE, PAGE), uffd.resume(guest.hva(), 3 * PAGE));
    }
  }

  @Test
  void aMissingPageIsFilledWithZeros() throws Exception {
    try (Memfd memfd = Memfd.create("test", 2 * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, 2 * PAGE);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), 2 * PAGE, Set.of(Mode.MISSING));
      CompletableFuture<Void> toucher = Fault.write(guest, PAGE, (byte) 3);

      FaultBatch faults = Fault.awaitOne(uffd);
      assertTrue(faults.write(0));
      assertEquals(guest.address() + PAGE, faults.address(0));
      assertEquals(
          new Installed(Outcome.INSTALLED, 2 * PAGE), uffd.zeropage(guest.hva(), 2 * PAGE));

      toucher.get(20, SECONDS);
      assertEquals(0, guest.slice(0, 1).get(0));
      assertEquals(3, guest.slice(PAGE, 1).get(0));
    }
  }

  @Test
  void aPageThatIsThereIsNotOverwrittenAndItsWaitersGoOn() throws Exception {
    try (Memfd memfd = Memfd.create("test", PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, PAGE);
        Mapping source = Mapping.anonymous(PAGE);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), PAGE, Set.of(Mode.MISSING));
      source.fill(0, PAGE, (byte) 1);
      CompletableFuture<Byte> toucher = Fault.read(guest, 0);
      Fault.awaitOne(uffd);

      // Without a wake-up, the toucher waits on although the page is there.
      assertEquals(
          Outcome.INSTALLED, uffd.copy(guest.hva(), source.address(), PAGE, false).outcome());
      source.fill(0, PAGE, (byte) 2);
      assertEquals(
          new Installed(Outcome.ALREADY_PRESENT, 0),
          uffd.copy(guest.hva(), source.address(), PAGE, true));

      assertEquals((byte) 1, toucher.get(20, SECONDS));
    }
  }

  @Test
  void wakeLetsAWaiterLookAgain() throws Exception {
    try (Memfd memfd = Memfd.create("test", PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, PAGE);
        Mapping source = Mapping.anonymous(PAGE);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), PAGE, Set.of(Mode.MISSING));
      CompletableFuture<Byte> toucher = Fault.read(guest, 0);
      Fault.awaitOne(uffd);

      // Still missing: it is reported a second time.
      uffd.wake(guest.hva(), PAGE);
      Fault.awaitOne(uffd);
      assertFalse(toucher.isDone());
      uffd.copy(guest.hva(), source.address(), PAGE, false);
      uffd.wake(guest.hva(), PAGE);

      assertEquals((byte) 0, toucher.get(20, SECONDS));
    }
  }

  @Test
  void aRunStopsAtThePageThatIsThereAndSaysHowFarItCame() throws Exception {
    try (Memfd memfd = Memfd.create("test", 8 * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, 8 * PAGE);
        Mapping source = Mapping.anonymous(8 * PAGE);
        Uffd uffd = Uffd.open()) {
      source.fill(0, 8 * PAGE, (byte) 6);
      guest.fill(5 * PAGE, 1, (byte) 9);
      uffd.register(guest.hva(), 8 * PAGE, Set.of(Mode.MISSING));

      assertEquals(
          new Installed(Outcome.ALREADY_PRESENT, 5 * PAGE),
          uffd.copy(guest.hva(), source.address(), 8 * PAGE, true));
      assertEquals(
          new Installed(Outcome.INSTALLED, 2 * PAGE),
          uffd.copy(guest.hva().plus(6 * PAGE), source.address(), 2 * PAGE, true));

      assertEquals(6, guest.slice(4 * PAGE, 1).get(0));
      assertEquals(9, guest.slice(5 * PAGE, 1).get(0));
      assertEquals(6, guest.slice(7 * PAGE, 1).get(0));
    }
  }

  @Test
  void anAddressSpaceThatIsChangingAnswersRetry() throws Exception {
    try (Mapping guest = Mapping.anonymous(4 * PAGE);
        Mapping source = Mapping.anonymous(4 * PAGE);
        Uffd uffd = Uffd.open(Set.of(Feature.EVENT_REMOVE))) {
      source.fill(0, PAGE, (byte) 1);
      guest.fill(2 * PAGE, PAGE, (byte) 1);
      uffd.register(guest.hva(), 4 * PAGE, Set.of(Mode.MISSING));
      // The real thing: madvise(MADV_DONTNEED) waits until its event is read, and as long as it is
      // not, the kernel answers EAGAIN.
      CompletableFuture<Void> remover = new CompletableFuture<>();
      Fault.start(
          () -> {
            try {
              guest.dontNeed(2 * PAGE, PAGE);
              remover.complete(null);
            } catch (SyscallException e) {
              remover.completeExceptionally(e);
            }
          },
          remover);
      Fault.awaitReadable(uffd);

      assertEquals(
          new Installed(Outcome.RETRY, 0), uffd.copy(guest.hva(), source.address(), PAGE, true));
      assertEquals(new Installed(Outcome.RETRY, 0), uffd.zeropage(guest.hva(), PAGE));
      assertEquals(0, uffd.read(new FaultBatch(4)), "an event that is no fault is left out");

      remover.get(20, SECONDS);
      assertEquals(
          new Installed(Outcome.INSTALLED, PAGE),
          uffd.copy(guest.hva(), source.address(), PAGE, true));
    }
  }

  @Test
  void aWriteToAProtectedPageIsReportedAndReleased() throws Exception {
    try (Memfd memfd = Memfd.create("test", 2 * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, 2 * PAGE);
        Uffd uffd = Uffd.open(Set.of(Feature.WRITE_PROTECT, Feature.WRITE_PROTECT_SHARED))) {
      guest.fill(0, 2 * PAGE, (byte) 1);
      uffd.register(guest.hva(), 2 * PAGE, Set.of(Mode.WRITE_PROTECT));
      assertEquals(Outcome.INSTALLED, uffd.writeProtect(guest.hva(), 2 * PAGE, true));
      assertEquals((byte) 1, Fault.read(guest, PAGE).get(20, SECONDS));
      CompletableFuture<Void> toucher = Fault.write(guest, PAGE, (byte) 2);

      FaultBatch faults = Fault.awaitOne(uffd);
      assertTrue(faults.writeProtected(0));
      assertEquals(guest.address() + PAGE, faults.address(0));
      assertFalse(toucher.isDone());
      uffd.writeProtect(guest.hva().plus(PAGE), PAGE, false);

      toucher.get(20, SECONDS);
      assertEquals(2, guest.slice(PAGE, 1).get(0));
    }
  }

  @Test
  void unregisterAndCloseLetWaitersGoOn() throws Exception {
    try (Memfd memfd = Memfd.create("test", 2 * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, 2 * PAGE)) {
      CompletableFuture<Byte> second;
      try (Uffd uffd = Uffd.open()) {
        uffd.register(guest.hva(), 2 * PAGE, Set.of(Mode.MISSING));
        CompletableFuture<Byte> first = Fault.read(guest, 0);
        Fault.awaitOne(uffd);
        uffd.unregister(guest.hva(), PAGE);
        assertEquals((byte) 0, first.get(20, SECONDS));

        second = Fault.read(guest, PAGE);
        Fault.awaitOne(uffd);
        assertFalse(second.isDone());
      }

      assertEquals((byte) 0, second.get(20, SECONDS));
    }
  }

  @Test
  void everyFaultOfManyThreadsIsReportedOverSeveralReads() throws Exception {
    int count = 12;
    try (Memfd memfd = Memfd.create("test", count * PAGE, PageSize.KIB_4);
        Mapping guest = memfd.map(0, count * PAGE);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), count * PAGE, Set.of(Mode.MISSING));
      CompletableFuture<?>[] touchers = new CompletableFuture<?>[count];
      for (int i = 0; i < count; i++) {
        touchers[i] = Fault.read(guest, i * PAGE);
      }

      FaultBatch batch = new FaultBatch(5);
      for (int served = 0; served < count; ) {
        Fault.awaitReadable(uffd);
        served += uffd.read(batch);
        assertTrue(batch.size() <= 5);
        for (int i = 0; i < batch.size(); i++) {
          assertEquals(Outcome.INSTALLED, uffd.zeropage(new Hva(batch.address(i)), PAGE).outcome());
        }
      }

      CompletableFuture.allOf(touchers).get(20, SECONDS);
      assertThrows(IndexOutOfBoundsException.class, () -> batch.address(batch.size()));
    }
  }

  @Test
  void memoryThatIsNotWatchedIsAnError() throws Exception {
    try (Mapping guest = Mapping.anonymous(PAGE);
        Mapping source = Mapping.anonymous(PAGE);
        Uffd uffd = Uffd.open()) {
      var refused =
          assertThrows(
              SyscallException.class, () -> uffd.copy(guest.hva(), source.address(), PAGE, true));

      assertEquals(Errno.ENOENT, refused.errno());
      assertTrue(refused.getMessage().contains("UFFDIO_COPY"), refused.getMessage());
    }
  }

  @Test
  void hugepagesCannotBeZeroed() throws Exception {
    long size = PageSize.MIB_2.bytes();
    try (var pool = HugepageReservation.reserve(PageSize.MIB_2, 1);
        Memfd memfd = Memfd.create("test", size, PageSize.MIB_2);
        Mapping guest = memfd.map(0, size);
        Uffd uffd = Uffd.open()) {
      uffd.register(guest.hva(), size, Set.of(Mode.MISSING));

      var refused = assertThrows(SyscallException.class, () -> uffd.zeropage(guest.hva(), size));

      assertEquals(Errno.EINVAL, refused.errno());
      assertTrue(pool != null);
    }
  }

  @Test
  void aSecondWatcherIsRefused() throws Exception {
    try (Mapping guest = Mapping.anonymous(PAGE);
        Uffd first = Uffd.open();
        Uffd second = Uffd.open()) {
      first.register(guest.hva(), PAGE, Set.of(Mode.MISSING));

      var refused =
          assertThrows(
              SyscallException.class,
              () -> second.register(guest.hva(), PAGE, Set.of(Mode.MISSING)));

      assertEquals(Errno.EBUSY, refused.errno());
    }
  }
}
