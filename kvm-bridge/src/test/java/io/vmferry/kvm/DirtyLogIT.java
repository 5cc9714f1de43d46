package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.SLOT;
import static io.vmferry.kvm.TestGuest.code;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.VcpuRegs.Register;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.HugepageReservation;
import io.vmferry.kvm.testing.RequiresKvm;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The dirty log with manual clear. The guest writes from page 512 on; page tables are below it. */
@RequiresKvm
@Timeout(60)
class DirtyLogIT {
  private static final long MEMORY_BYTES = 4 << 20;
  private static final long PAGES = MEMORY_BYTES >> 12;
  private static final long FIRST = 512;

  // loop: mov [rdi],rax; add rdi,rsi; dec rcx; jnz loop; hlt
  private static final byte[] WRITER = code("488907 4801f7 48ffc9 75f5 f4");

  @ParameterizedTest
  @EnumSource(
      value = PageSize.class,
      names = {"KIB_4", "MIB_2"})
  void pagesStayDirtyUntilTheyAreCleared(PageSize pageSize) throws Exception {
    try (HugepageReservation reserved = HugepageReservation.reserve(pageSize, 2);
        KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system, memory(pageSize)).longMode(WRITER);
        DirtyBitmapBuffer log = guest.vm.newDirtyBitmap(PAGES)) {
      assertTrue(reserved != null);
      guest.vm.setMemslot(SLOT, new Gpa(0), MEMORY_BYTES, guest.memory.hva(), true);
      assertEquals(List.of(), dirtyPages(guest, log));

      write(guest, FIRST + 1, 3, 40);
      List<Long> written =
          LongStream.range(0, 40).mapToObj(i -> FIRST + 1 + 3 * i).collect(Collectors.toList());
      assertEquals(written, dirtyPages(guest, log));
      assertEquals(written, dirtyPages(guest, log), "reading must not clear");

      // Clears 64 pages of the log; the others stay.
      guest.vm.clearDirtyLog(SLOT, FIRST, 64, log);
      List<Long> left =
          written.stream().filter(page -> page >= FIRST + 64).collect(Collectors.toList());
      assertEquals(left, dirtyPages(guest, log));

      // A cleared page is caught again, on 4 KiB whatever backs it.
      write(guest, FIRST + 1, 1, 1);
      assertTrue(dirtyPages(guest, log).contains(FIRST + 1));
      assertFalse(log.isDirty(FIRST + 2));

      guest.vm.clearDirtyLog(SLOT, 0, PAGES, log);
      assertEquals(List.of(), dirtyPages(guest, log));
    }
  }

  @Test
  void aBitmapOfAnotherSizeIsRefused() throws Exception {
    try (KvmSystem system = KvmSystem.open();
        TestGuest guest = TestGuest.bare(system);
        DirtyBitmapBuffer small = guest.vm.newDirtyBitmap(PAGES - 1);
        DirtyBitmapBuffer log = guest.vm.newDirtyBitmap(PAGES)) {
      assertThrows(IllegalArgumentException.class, () -> guest.vm.readDirtyLog(SLOT, small));
      assertThrows(
          IllegalArgumentException.class, () -> guest.vm.clearDirtyLog(SLOT, 64, PAGES, log));
      assertThrows(IllegalArgumentException.class, () -> guest.vm.readDirtyLog(7, log));
      SyscallException off =
          assertThrows(SyscallException.class, () -> guest.vm.readDirtyLog(SLOT, log));
      assertEquals(Errno.ENOENT, off.errno());
    }
  }

  private static TestMemory memory(PageSize pageSize) throws SyscallException {
    return pageSize.isHuge() ? TestMemory.huge(MEMORY_BYTES) : TestMemory.of(MEMORY_BYTES);
  }

  /** Lets the guest write {@code count} pages, {@code stride} pages apart. */
  private static void write(TestGuest guest, long firstPage, long stride, int count)
      throws SyscallException {
    guest.vcpu.setRegs(
        VcpuRegs.zero()
            .with(Register.RIP, TestGuest.CODE)
            .with(Register.RSP, TestGuest.STACK)
            .with(Register.RDI, firstPage << 12)
            .with(Register.RSI, stride << 12)
            .with(Register.RCX, count));
    assertEquals(Exit.HLT, guest.vcpu.run(), guest.vcpu::errorDetail);
  }

  /** The dirty pages from the first written one on. */
  private static List<Long> dirtyPages(TestGuest guest, DirtyBitmapBuffer log)
      throws SyscallException {
    guest.vm.readDirtyLog(SLOT, log);
    return LongStream.range(FIRST, PAGES).filter(log::isDirty).boxed().collect(Collectors.toList());
  }
}
