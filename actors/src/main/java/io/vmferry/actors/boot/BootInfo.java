package io.vmferry.actors.boot;

import io.vmferry.kvm.Gpa;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel is told at its start, whatever the protocol, besides the command line at {@link
 * BootLayout#CMDLINE}.
 *
 * @param initrd where the initrd is, or null
 * @param memoryMap the guest's memory
 */
record BootInfo(@Nullable Initrd initrd, List<MemoryMap.Entry> memoryMap) {
  /** Copies the list. */
  BootInfo {
    memoryMap = List.copyOf(memoryMap);
  }

  /** An initrd in guest memory. */
  record Initrd(Gpa base, long sizeBytes) {}
}
