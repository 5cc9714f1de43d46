package io.vmferry.actors.boot;

import io.vmferry.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The structure {@code boot_params} of the 64-bit Linux boot protocol.
 *
 * <p>Source: Documentation/arch/x86/zero-page.rst and boot.rst;
 * arch/x86/include/uapi/asm/bootparam.h, struct boot_params, 4096 bytes.
 */
final class ZeroPage {
  static final int BYTES = 4096;

  /** End of the room for the setup header. */
  static final int SETUP_HEADER_END = 0x290;

  static final int ACPI_RSDP = 0x70;
  static final int E820_ENTRIES = 0x1E8;
  static final int TYPE_OF_LOADER = 0x210;
  static final int RAMDISK_IMAGE = 0x218;
  static final int RAMDISK_SIZE = 0x21C;
  static final int CMD_LINE_PTR = 0x228;
  static final int E820_TABLE = 0x2D0;

  private static final int BOOT_FLAG = 0x1FE;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int LINUX_ALIGNMENT = 0x100_0000;
  private static final int UNDEFINED_LOADER = 0xFF;

  private final ByteBuffer page = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /** A page with the least that a kernel without a setup header of its own looks at. */
  ZeroPage() {
    page.putShort(BOOT_FLAG, (short) 0xAA55)
        .putInt(BzImage.SETUP_HEADER_MAGIC, BzImage.MAGIC)
        .putInt(KERNEL_ALIGNMENT, LINUX_ALIGNMENT);
  }

  /**
   * Takes over the setup header.
   *
   * @param file the kernel file from its start, as far as {@link #SETUP_HEADER_END} if it has that
   */
  ZeroPage setupHeader(ByteBuffer file) {
    int declared =
        BzImage.SETUP_HEADER_MAGIC + Byte.toUnsignedInt(file.get(BzImage.SETUP_HEADER_LENGTH));
    int length = Math.min(declared, file.limit()) - BzImage.SETUP_HEADER;
    page.put(BzImage.SETUP_HEADER, file, BzImage.SETUP_HEADER, length);
    return this;
  }

  /** Fills in what the boot loader says. */
  ZeroPage fill(BootInfo info) {
    page.putLong(ACPI_RSDP, BootLayout.ACPI.value())
        .put(TYPE_OF_LOADER, (byte) UNDEFINED_LOADER)
        .putInt(CMD_LINE_PTR, (int) BootLayout.CMDLINE.value());
    BootInfo.Initrd initrd = info.initrd();
    if (initrd != null) {
      // Both below 4 GiB: the high halves in ext_ramdisk_* stay zero.
      page.putInt(RAMDISK_IMAGE, (int) initrd.base().value())
          .putInt(RAMDISK_SIZE, (int) initrd.sizeBytes());
    }
    page.put(E820_ENTRIES, (byte) info.memoryMap().size()).position(E820_TABLE);
    for (MemoryMap.Entry entry : info.memoryMap()) {
      page.putLong(entry.base()).putLong(entry.sizeBytes()).putInt(entry.type());
    }
    return this;
  }

  void write(GuestMemory memory) {
    memory.write(BootLayout.ZERO_PAGE, page.array());
  }
}
