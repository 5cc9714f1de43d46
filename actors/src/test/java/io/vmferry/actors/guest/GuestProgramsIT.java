package io.vmferry.actors.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.vm.GuestSource;
import io.vmferry.kvm.DirtyBitmapBuffer;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.testing.RequiresKvm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The project's own guests on real KVM. */
@RequiresKvm
class GuestProgramsIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final long PAGE = WorkingSetPattern.PAGE_BYTES;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void standardGuestVerifiesItsMemoryOnEveryVcpu(int cpus) throws IOException {
    try (GuestRun guest = standard(cpus, MIB, 0)) {
      guest.boot();

      GuestReport report = guest.awaitReport(r -> r.sweeps() > 32);

      assertTrue(report.running(), guest::console);
      assertEquals(0, report.mismatches(), guest::console);
      assertEquals(report.iterations(), report.pagesVerified());
      assertEquals(cpus, report.vcpus().size());
      assertTrue(report.vcpus().stream().allMatch(vcpu -> vcpu.iterations() > 0));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 511})
  void aFlippedByteIsFoundWithin32SweepsAndNamed(int word) throws IOException {
    try (GuestRun guest = standard(1, MIB, 16 * MIB)) {
      guest.boot();
      guest.awaitReport(r -> r.sweeps() >= 2);
      guest.pause();
      GuestMemory memory = guest.machine().memory();
      long sweeps = counter(memory, CpuBlock.SWEEPS);
      Gpa damaged = untouchedPage(memory).plus((long) word * Long.BYTES);
      long want = longAt(memory, damaged);
      byte[] bytes = memory.read(damaged, 1);
      bytes[0] ^= 0x40;

      memory.write(damaged, bytes);
      guest.resume();

      // The running sweep may have passed the page; the 32 that follow compare every byte.
      GuestReport report =
          guest.awaitReport(r -> r.mismatches() > 0 || r.sweeps() > sweeps + 1 + 32);
      assertEquals(1, report.mismatches(), guest::console);
      String named = String.valueOf(report.firstMismatch());
      assertTrue(named.startsWith("vCPU 0 at " + damaged + ": expected 0x"), named);
      if (word == 2) {
        // A body word keeps its value until it is compared; the others change with every sweep.
        assertTrue(named.endsWith(String.format("0x%x, found 0x%x", want, want ^ 0x40)), named);
      }
    }
  }

  @Test
  void writesItsWorkingSetAndNoMore() throws IOException {
    long workingSet = 3 * MIB;
    try (GuestRun guest = standard(2, workingSet, 0);
        DirtyBitmapBuffer dirty = logged(guest)) {
      guest.boot();
      guest.awaitReport(r -> r.sweeps() >= 1);
      clearLog(guest, dirty);

      long sweeps = guest.report().sweeps();
      guest.awaitReport(r -> r.sweeps() >= sweeps + 2);
      readLog(guest, dirty);

      long first = GuestLayout.WORKING_SET / PAGE;
      long end = first + workingSet / PAGE;
      for (long page = first; page < dirty.pages(); page++) {
        assertEquals(page < end, dirty.isDirty(page), "page " + page);
      }
      long own = dirty.dirtyPages() - workingSet / PAGE;
      assertTrue(own <= 2 + 1, own + " pages of its own: a block for each vCPU and a lock");
    }
  }

  @Test
  void dirtiesFasterWhenToldTo() throws IOException {
    // Fewer pages than the working set are written, so that no page counts twice.
    try (GuestRun slow = standard(1, 32 * MIB, MIB);
        GuestRun fast = standard(1, 32 * MIB, 4 * MIB);
        DirtyBitmapBuffer slowDirty = logged(slow);
        DirtyBitmapBuffer fastDirty = logged(fast)) {
      slow.boot();
      fast.boot();
      slow.awaitReport(r -> r.iterations() > 0);
      fast.awaitReport(r -> r.iterations() > 0);
      clearLog(slow, slowDirty);
      clearLog(fast, fastDirty);

      do {
        KIT.createTestProbe().expectNoMessage(Duration.ofMillis(50));
        readLog(fast, fastDirty);
      } while (fastDirty.dirtyPages() < 3000);
      readLog(slow, slowDirty);

      double ratio = (double) fastDirty.dirtyPages() / slowDirty.dirtyPages();
      assertTrue(ratio > 2 && ratio < 8, "4 times the rate gave " + ratio + " times the pages");
    }
  }

  @Test
  void aPacedGuestCountsTouchesThatTookLong() throws IOException {
    try (GuestRun guest = standard(1, 8 * MIB, 8 * MIB)) {
      guest.boot();
      guest.await(info -> TouchWaits.reports(guest.console()) >= 1);
      long before = TouchWaits.parse(guest.console()).count();
      long reports = TouchWaits.reports(guest.console());
      guest.pause();
      // Every page has to be made anew when the guest comes by, and some of that takes long.
      guest.machine().memory().clear(new Gpa(GuestLayout.WORKING_SET), 4 * MIB);

      guest.resume();

      guest.await(info -> TouchWaits.reports(guest.console()) >= reports + 3);
      long after = TouchWaits.parse(guest.console()).count();
      assertTrue(after > before, guest::console);
    }
  }

  @Test
  void idleGuestBeatsOnEveryVcpuAndWritesLittle() throws IOException {
    try (GuestRun guest = new GuestRun(KIT, 2, 16 * MIB, GuestSource.Idle.empty());
        DirtyBitmapBuffer dirty = logged(guest)) {
      guest.boot();
      guest.awaitReport(GuestReport::running);
      clearLog(guest, dirty);

      GuestReport report =
          guest.awaitReport(r -> r.vcpus().stream().allMatch(vcpu -> vcpu.iterations() >= 2));
      readLog(guest, dirty);

      assertEquals(2, report.vcpus().size());
      assertEquals(0, report.mismatches());
      assertTrue(dirty.dirtyPages() <= 3, dirty.dirtyPages() + " pages");
      assertFalse(guest.console().contains("fault"), guest::console);
    }
  }

  private static GuestRun standard(int cpus, long workingSet, long dirtyBytesPerSecond)
      throws IOException {
    return new GuestRun(
        KIT, cpus, 64 * MIB, new GuestSource.Standard(workingSet, dirtyBytesPerSecond));
  }

  /** Switches the dirty log on; it collects until it is cleared. */
  private static DirtyBitmapBuffer logged(GuestRun guest) throws IOException {
    GuestRegion region = guest.machine().memory().regions().get(0);
    guest
        .machine()
        .kvm()
        .setMemslot(region.slot(), region.base(), region.sizeBytes(), region.mapping().hva(), true);
    return guest.machine().kvm().newDirtyBitmap(region.sizeBytes() / PAGE);
  }

  private static void readLog(GuestRun guest, DirtyBitmapBuffer dirty) throws IOException {
    guest.machine().kvm().readDirtyLog(0, dirty);
  }

  private static void clearLog(GuestRun guest, DirtyBitmapBuffer dirty) throws IOException {
    readLog(guest, dirty);
    guest.machine().kvm().clearDirtyLog(0, 0, dirty.pages(), dirty);
  }

  /** A page that the paused vCPU was not at: it has the generation of the one before it. */
  private static Gpa untouchedPage(GuestMemory memory) {
    Gpa page = new Gpa(GuestLayout.WORKING_SET + PAGE);
    while ((int) longAt(memory, page) != (int) longAt(memory, page.plus(-PAGE))) {
      page = page.plus(PAGE);
    }
    return page;
  }

  private static long counter(GuestMemory memory, int offset) {
    return longAt(memory, GuestLayout.cpuBlock(0).plus(offset));
  }

  private static long longAt(GuestMemory memory, Gpa at) {
    byte[] bytes = memory.read(at, Long.BYTES);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }
}
