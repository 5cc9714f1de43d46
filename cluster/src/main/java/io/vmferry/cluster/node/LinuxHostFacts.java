package io.vmferry.cluster.node;

import io.vmferry.kvm.memory.HostMemory;
import io.vmferry.kvm.memory.Hugepages;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the kernel says in /proc, /sys and /dev: files of memory, read in microseconds.
 *
 * <p>Source: Documentation/admin-guide/sysctl/kernel.rst, random; boot_id is drawn at boot.
 */
public final class LinuxHostFacts implements HostFacts {
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final Path KVM = Path.of("/dev/kvm");

  @Override
  public Host read() throws IOException {
    return new Host(
        Files.readString(BOOT_ID).trim(),
        Files.isReadable(KVM) && Files.isWritable(KVM) ? "kvm" : Host.NO_HYPERVISOR,
        Runtime.getRuntime().availableProcessors(),
        HostMemory.totalBytes(),
        HostMemory.availableBytes(),
        freeBytes(PageSize.MIB_2),
        freeBytes(PageSize.GIB_1));
  }

  private static long freeBytes(PageSize pageSize) throws IOException {
    return Hugepages.free(pageSize) * pageSize.bytes();
  }
}
