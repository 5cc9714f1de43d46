package io.vmferry.actors.guest;

import io.vmferry.kvm.Gpa;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the project's own guests keep what in guest-physical memory. All of it is identity-mapped.
 *
 * <pre>
 * 0x001000  GDT            0x002000  IDT          0x003000  serial port lock
 * 0x004000  code           0x010000  one page per vCPU: counters, line buffer, stack (grows down)
 * 0x100000  page tables    0x400000  working set, to the end of RAM at most
 * </pre>
 */
final class GuestLayout {

  static final int GDT = 0x1000;
  static final int IDT = 0x2000;
  static final int SERIAL_LOCK = 0x3000;
  static final int CODE = 0x4000;
  static final int CODE_LIMIT = 0x1_0000;
  static final int CPU_BLOCKS = 0x1_0000;
  static final int CPU_BLOCK_BYTES = 0x1000;
  static final int PAGE_TABLES = 0x10_0000;
  static final int WORKING_SET = 0x40_0000;

  /** vCPU blocks end below the page tables with room to spare. */
  static final int MAX_VCPUS = 64;

  /** One PML4 entry: 512 GiB of page directories fit below the working set. */
  static final long MAX_MEMORY_BYTES = 500L << 30;

  /** RAM stops here and goes on at {@link #HIGH_RAM}: the hole holds LAPIC, IOAPIC and devices. */
  static final long LOW_RAM_END = 3L << 30;

  static final long HIGH_RAM = 4L << 30;

  /** A run of pages: {@code pages} of 4 KiB from {@code base}. */
  record Range(long base, long pages) {}

  private GuestLayout() {}

  static Gpa cpuBlock(int vcpu) {
    return new Gpa(CPU_BLOCKS + (long) vcpu * CPU_BLOCK_BYTES);
  }

  /** Guest-physical end of RAM of a guest with so much memory. */
  static long endOfRam(long memoryBytes) {
    return memoryBytes <= LOW_RAM_END ? memoryBytes : HIGH_RAM + (memoryBytes - LOW_RAM_END);
  }

  /**
   * The part of the working set that one vCPU owns: at most two ranges, for the hole in RAM.
   *
   * @param pages pages of the whole working set
   * @return ranges in address order; together the slices of all vCPUs are the working set
   */
  static List<Range> slice(long pages, int vcpus, int vcpu) {
    long first = pages * vcpu / vcpus;
    long end = pages * (vcpu + 1) / vcpus;
    long lowPages = (LOW_RAM_END - WORKING_SET) / WorkingSetPattern.PAGE_BYTES;
    List<Range> ranges = new ArrayList<>();
    if (first < lowPages) {
      ranges.add(range(WORKING_SET, first, Math.min(end, lowPages)));
    }
    if (end > lowPages) {
      ranges.add(range(HIGH_RAM, Math.max(first, lowPages) - lowPages, end - lowPages));
    }
    return List.copyOf(ranges);
  }

  private static Range range(long base, long first, long end) {
    return new Range(base + first * WorkingSetPattern.PAGE_BYTES, end - first);
  }
}
