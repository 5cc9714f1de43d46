package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vmferry.actors.guest.GuestImage;
import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Loads a Linux kernel, or anything that boots like one, into a new guest.
 *
 * <p>An ELF file (vmlinux) with a PVH note is started by that protocol, another ELF file and a
 * bzImage by the 64-bit Linux boot protocol. Everything is checked before guest memory is written.
 */
public final class KernelLoader {
  private static final int PAGE_BYTES = 4096;
  private static final int MIB_SHIFT = 20;

  private KernelLoader() {}

  /**
   * Puts kernel, initrd, command line, memory map, ACPI and MP tables into guest memory.
   *
   * @param kernel ELF or bzImage file
   * @param initrd initial RAM disk, or null
   * @param cmdline kernel command line, or null for an empty one
   * @param vcpus number of vCPUs the kernel is told of
   * @param memory fresh (zeroed) guest memory
   * @return where the vCPUs begin; its {@code load} has nothing left to do
   * @throws IOException with one sentence for the user if a file cannot be read
   * @throws IllegalArgumentException with one sentence for the user if a file is of no use, or does
   *     not fit
   */
  public static GuestImage load(
      Path kernel, @Nullable Path initrd, @Nullable String cmdline, int vcpus, GuestMemory memory)
      throws IOException {
    requireFits(memory, new Gpa(0), BootLayout.HIGH_START);
    try (BootFile file = BootFile.open(kernel, "kernel")) {
      KernelFile parsed = parse(file);
      parsed.requireFits(memory);
      byte[] commandLine = commandLine(cmdline, parsed.cmdlineMaxBytes());
      BootInfo.Initrd placed = initrd == null ? null : loadInitrd(initrd, parsed, memory);
      parsed.copyTo(memory);
      memory.write(BootLayout.CMDLINE, commandLine);
      AcpiTables.write(memory, vcpus);
      long table = BootLayout.MP_TABLE.value();
      memory.write(BootLayout.MP_TABLE, MpTable.bytes(vcpus, table));
      VcpuBoot first = parsed.prepare(memory, new BootInfo(placed, MemoryMap.of(memory)));
      return new KernelImage(first, vcpus);
    }
  }

  private static KernelFile parse(BootFile file) throws IOException {
    if (file.sizeBytes() >= Integer.BYTES
        && file.read(0, Integer.BYTES).getInt() == ElfKernel.MAGIC) {
      return ElfKernel.parse(file);
    }
    if (BzImage.matches(file)) {
      return BzImage.parse(file);
    }
    throw file.bad("is no kernel: neither an ELF file (vmlinux) nor a bzImage.");
  }

  /** The command line with a zero at its end. */
  private static byte[] commandLine(@Nullable String text, int maxBytes) {
    byte[] bytes = (text == null ? "" : text).getBytes(UTF_8);
    for (byte b : bytes) {
      if (b == 0) {
        throw new IllegalArgumentException("The kernel command line contains a zero byte.");
      }
    }
    if (bytes.length > maxBytes) {
      throw new IllegalArgumentException(
          "The kernel command line has "
              + bytes.length
              + " bytes; this kernel takes at most "
              + maxBytes
              + ".");
    }
    return Arrays.copyOf(bytes, bytes.length + 1);
  }

  /** As high as the kernel allows, so that it is out of the way of what grows from below. */
  private static BootInfo.Initrd loadInitrd(Path initrd, KernelFile kernel, GuestMemory memory)
      throws IOException {
    try (BootFile file = BootFile.open(initrd, "initrd")) {
      long ramEnd = memory.regionAt(new Gpa(0), BootLayout.HIGH_START).end().value();
      long end = Math.min(ramEnd, kernel.initrdEnd());
      long base = (end - file.sizeBytes()) & -PAGE_BYTES;
      if (base < kernel.end()) {
        throw file.bad(
            "has "
                + file.sizeBytes()
                + " bytes, and "
                + Math.max(0, end - kernel.end())
                + " are free for it behind the kernel; give the VM more memory.");
      }
      Gpa at = new Gpa(base);
      file.copyTo(0, file.sizeBytes(), memory, at);
      return new BootInfo.Initrd(at, file.sizeBytes());
    }
  }

  /** Checks that a part of the kernel has its place in one piece of RAM. */
  static void requireFits(GuestMemory memory, Gpa base, long lengthBytes) {
    if (memory.find(base, lengthBytes) == null) {
      throw new IllegalArgumentException(
          "The kernel needs memory from "
              + (base.value() >> MIB_SHIFT)
              + " to "
              + (((base.value() + lengthBytes - 1) >> MIB_SHIFT) + 1)
              + " MiB, and the VM has "
              + (memory.sizeBytes() >> MIB_SHIFT)
              + " MiB; give the VM more memory.");
    }
  }
}
