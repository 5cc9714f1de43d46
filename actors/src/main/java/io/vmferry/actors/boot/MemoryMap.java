package io.vmferry.actors.boot;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import java.util.ArrayList;
import java.util.List;

/** What a kernel is told of its memory, in the terms of a PC's firmware call E820. */
final class MemoryMap {
  /** Source: include/xen/arch-x86/hvm/start_info.h and boot_params.h: the same numbers. */
  static final int RAM = 1;

  static final int RESERVED = 2;

  /** One range of guest-physical addresses. */
  record Entry(long base, long sizeBytes, int type) {}

  private MemoryMap() {}

  /** RAM by region; of the first MiB only what a PC has; the firmware tables are reserved. */
  static List<Entry> of(GuestMemory memory) {
    List<Entry> entries = new ArrayList<>();
    for (GuestRegion region : memory.regions()) {
      long base = region.base().value();
      if (base == 0) {
        long tables = BootLayout.ACPI.value();
        entries.add(new Entry(0, BootLayout.LOW_RAM_END, RAM));
        entries.add(new Entry(tables, BootLayout.HIGH_START - tables, RESERVED));
        base = BootLayout.HIGH_START;
      }
      entries.add(new Entry(base, region.end().value() - base, RAM));
    }
    return List.copyOf(entries);
  }
}
