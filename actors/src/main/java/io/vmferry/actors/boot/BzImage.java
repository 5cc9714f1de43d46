package io.vmferry.actors.boot;

import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A compressed Linux kernel as distributions ship it, started by the 64-bit boot protocol: the
 * protected-mode part at its preferred address, entered 0x200 bytes in.
 *
 * <p>Source: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header", "64-bit boot
 * protocol".
 */
final class BzImage implements KernelFile {
  // Offsets in the file, which are those in the zero page too.
  static final int SETUP_HEADER = 0x1F1;
  static final int SETUP_HEADER_LENGTH = 0x201;
  static final int SETUP_HEADER_MAGIC = 0x202;
  static final int MAGIC = 0x5372_6448; // "HdrS"

  private static final int SYS_SIZE = 0x1F4;
  private static final int BOOT_FLAG = 0x1FE;
  private static final int BOOT_FLAG_VALUE = 0xAA55;
  private static final int VERSION = 0x206;
  private static final int LOAD_FLAGS = 0x211;
  private static final int INITRD_ADDRESS_MAX = 0x22C;
  private static final int EXTENDED_LOAD_FLAGS = 0x236;
  private static final int CMDLINE_SIZE = 0x238;
  private static final int PREFERRED_ADDRESS = 0x258;
  private static final int INIT_SIZE = 0x260;
  private static final int HEADER_END = 0x268;

  /** The first with the 64-bit entry point in its flags: Linux 3.8. */
  private static final int MIN_VERSION = 0x20C;

  private static final int LOADED_HIGH = 1;
  private static final int KERNEL_64 = 1;
  private static final int DEFAULT_SETUP_SECTORS = 4;
  private static final int SECTOR_BYTES = 512;
  private static final int PARAGRAPH_BYTES = 16;
  private static final int ENTRY_64 = 0x200;

  private final BootFile file;
  private final ByteBuffer header;
  private final long codeOffset;
  private final long codeBytes;

  private BzImage(BootFile file, ByteBuffer header) {
    this.file = file;
    this.header = header;
    int sectors = Byte.toUnsignedInt(header.get(SETUP_HEADER));
    this.codeOffset = (long) SECTOR_BYTES * (1 + (sectors == 0 ? DEFAULT_SETUP_SECTORS : sectors));
    this.codeBytes = Integer.toUnsignedLong(header.getInt(SYS_SIZE)) * PARAGRAPH_BYTES;
  }

  /** Whether the file has the marks of a Linux kernel's setup header. */
  static boolean matches(BootFile file) throws IOException {
    if (file.sizeBytes() < SETUP_HEADER_MAGIC + Integer.BYTES) {
      return false;
    }
    ByteBuffer start = file.read(0, SETUP_HEADER_MAGIC + Integer.BYTES);
    return Short.toUnsignedInt(start.getShort(BOOT_FLAG)) == BOOT_FLAG_VALUE
        && start.getInt(SETUP_HEADER_MAGIC) == MAGIC;
  }

  /**
   * Reads the setup header.
   *
   * @throws IllegalArgumentException with one sentence for the user if it cannot boot here
   */
  static BzImage parse(BootFile file) throws IOException {
    file.require(0, HEADER_END);
    ByteBuffer header = file.read(0, (int) Math.min(ZeroPage.SETUP_HEADER_END, file.sizeBytes()));
    int version = Short.toUnsignedInt(header.getShort(VERSION));
    if (version < MIN_VERSION) {
      throw file.bad(
          String.format(
              "speaks boot protocol %d.%02d; guests need 2.12 (Linux 3.8) or newer.",
              version >> 8, version & 0xFF));
    }
    if ((header.getShort(EXTENDED_LOAD_FLAGS) & KERNEL_64) == 0) {
      throw file.bad("is a 32-bit kernel; guests are 64-bit.");
    }
    if ((header.get(LOAD_FLAGS) & LOADED_HIGH) == 0) {
      throw file.bad("is a zImage, which loads below 1 MiB; build a bzImage.");
    }
    BzImage kernel = new BzImage(file, header);
    // The last paragraph need not be a whole one.
    file.require(kernel.codeOffset, Math.max(ENTRY_64, kernel.codeBytes - PARAGRAPH_BYTES + 1));
    if (kernel.base() < BootLayout.HIGH_START || kernel.end() < kernel.base()) {
      throw file.bad("is damaged: its preferred address or size is impossible.");
    }
    return kernel;
  }

  private long base() {
    return header.getLong(PREFERRED_ADDRESS);
  }

  private long memoryBytes() {
    return Math.max(codeBytes, Integer.toUnsignedLong(header.getInt(INIT_SIZE)));
  }

  @Override
  public long end() {
    return base() + memoryBytes();
  }

  @Override
  public int cmdlineMaxBytes() {
    long size = Integer.toUnsignedLong(header.getInt(CMDLINE_SIZE));
    return (int) Math.min(size, BootLayout.CMDLINE_MAX_BYTES);
  }

  @Override
  public long initrdEnd() {
    return Integer.toUnsignedLong(header.getInt(INITRD_ADDRESS_MAX)) + 1;
  }

  @Override
  public void requireFits(GuestMemory memory) {
    KernelLoader.requireFits(memory, new Gpa(base()), memoryBytes());
    if (end() > BootLayout.IDENTITY_MAP_END) {
      throw file.bad("wants to be loaded above 4 GiB, where it cannot start.");
    }
  }

  @Override
  public void copyTo(GuestMemory memory) throws IOException {
    long bytes = Math.min(codeBytes, file.sizeBytes() - codeOffset);
    file.copyTo(codeOffset, bytes, memory, new Gpa(base()));
  }

  @Override
  public VcpuBoot prepare(GuestMemory memory, BootInfo info) {
    new ZeroPage().setupHeader(header).fill(info).write(memory);
    return StartStates.long64(memory, base() + ENTRY_64);
  }
}
