package io.vmferry.actors.boot;

import io.vmferry.actors.guest.GuestTables;
import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;

/** The states in which the first vCPU enters a kernel, and the tables they need. */
final class StartStates {
  private static final Gpa NO_IDT = new Gpa(0);

  private StartStates() {}

  /**
   * 32-bit protected mode without paging, EBX at the start info. Source: Xen, docs/misc/pvh.pandoc.
   */
  static VcpuBoot pvh(GuestMemory memory, long entry) {
    GuestTables.writeGdt(memory, BootLayout.GDT, false);
    return new VcpuBoot(
        VcpuBoot.Mode.PROTECTED,
        entry,
        BootLayout.STACK_TOP,
        0,
        BootLayout.START_INFO.value(),
        0,
        0,
        BootLayout.GDT,
        GuestTables.GDT_BYTES,
        NO_IDT,
        0);
  }

  /**
   * 64-bit mode, the first 4 GiB mapped to themselves, RSI at the zero page. Source:
   * Documentation/arch/x86/boot.rst, 64-bit boot protocol.
   */
  static VcpuBoot long64(GuestMemory memory, long entry) {
    GuestTables.writeGdt(memory, BootLayout.GDT, true);
    GuestTables.writeIdentityMap(memory, BootLayout.PAGE_TABLES, BootLayout.IDENTITY_MAP_END);
    return new VcpuBoot(
        VcpuBoot.Mode.LONG,
        entry,
        BootLayout.STACK_TOP,
        0,
        0,
        BootLayout.ZERO_PAGE.value(),
        BootLayout.PAGE_TABLES.value(),
        BootLayout.GDT,
        GuestTables.GDT_BYTES,
        NO_IDT,
        0);
  }
}
