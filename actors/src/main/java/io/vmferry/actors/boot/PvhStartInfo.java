package io.vmferry.actors.boot;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The start info of the PVH boot protocol.
 *
 * <pre>
 * offset size  hvm_start_info, version 1
 * 0      4     magic                    4      4     version
 * 8      4     flags                    12     4     modules
 * 16     8     module list              24     8     command line
 * 32     8     RSDP                     40     8     memory map
 * 48     4     entries of it            52     4     reserved
 * </pre>
 *
 * <p>Source: xen/include/public/arch-x86/hvm/start_info.h.
 */
final class PvhStartInfo {
  static final int MAGIC = 0x336E_C578;

  private static final int VERSION = 1;
  private static final int INFO_BYTES = 56;
  private static final int MODULE_BYTES = 32;
  private static final int MAP_ENTRY_BYTES = 24;

  private PvhStartInfo() {}

  /** Writes the structure, followed by the module list and the memory map. */
  static void write(GuestMemory memory, BootInfo info) {
    int modules = info.initrd() == null ? 0 : 1;
    int entries = info.memoryMap().size();
    Gpa moduleList = BootLayout.START_INFO.plus(INFO_BYTES);
    Gpa map = moduleList.plus(MODULE_BYTES);
    ByteBuffer bytes =
        ByteBuffer.allocate(INFO_BYTES + MODULE_BYTES + entries * MAP_ENTRY_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(MAGIC).putInt(VERSION).putInt(0).putInt(modules);
    bytes.putLong(modules == 0 ? 0 : moduleList.value()).putLong(BootLayout.CMDLINE.value());
    bytes.putLong(BootLayout.ACPI.value()).putLong(map.value()).putInt(entries).putInt(0);
    if (info.initrd() != null) {
      bytes.putLong(info.initrd().base().value()).putLong(info.initrd().sizeBytes());
    }
    bytes.position(INFO_BYTES + MODULE_BYTES);
    for (MemoryMap.Entry entry : info.memoryMap()) {
      bytes.putLong(entry.base()).putLong(entry.sizeBytes()).putInt(entry.type()).putInt(0);
    }
    memory.write(BootLayout.START_INFO, bytes.array());
  }
}
