package io.vmferry.actors.boot;

import io.vmferry.kvm.Gpa;

/**
 * Where a kernel finds what it is given, in the first MiB of guest-physical memory; the kernel
 * itself and the initrd lie above.
 *
 * <pre>
 * 0x01000  GDT                        0x02000  PVH start info, module list, memory map
 * 0x07000  zero page (boot_params)    0x08000  first stack, grows down from 0x9000
 * 0x09000  page tables                0x20000  command line, up to 64 KiB
 * 0xE0000  ACPI tables                0xF0000  MP table
 * </pre>
 */
final class BootLayout {
  static final Gpa GDT = new Gpa(0x1000);
  static final Gpa START_INFO = new Gpa(0x2000);
  static final Gpa ZERO_PAGE = new Gpa(0x7000);
  static final long STACK_TOP = 0x9000;
  static final Gpa PAGE_TABLES = new Gpa(0x9000);
  static final Gpa CMDLINE = new Gpa(0x2_0000);

  /**
   * A kernel may ask for longer command lines than any has: what fits before the next structure.
   */
  static final int CMDLINE_MAX_BYTES = 0xFFFF;

  /** RAM for programs of the first MiB ends here: above are the areas a PC's firmware would use. */
  static final long LOW_RAM_END = 0xA_0000;

  /** In the range that kernels search for the RSDP, which stands here; the tables follow. */
  static final Gpa ACPI = new Gpa(0xE_0000);

  /** In the range that kernels search for the table. */
  static final Gpa MP_TABLE = new Gpa(0xF_0000);

  /** The lowest address for kernel and initrd. */
  static final long HIGH_START = 0x10_0000;

  /** The page tables map so much; kernel, initrd and structures all lie below. */
  static final long IDENTITY_MAP_END = 4L << 30;

  private BootLayout() {}
}
