package io.vmferry.actors.boot;

import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;

/** A kernel file whose headers have been read and found right. */
sealed interface KernelFile permits ElfKernel, BzImage {
  /** Guest-physical end of what the kernel needs before it can look at its memory map. */
  long end();

  /** Longest command line, without the zero at its end. */
  int cmdlineMaxBytes();

  /** The initrd must end at or below this guest-physical address. */
  long initrdEnd();

  /**
   * Checks that every part has its place in memory.
   *
   * @throws IllegalArgumentException with one sentence for the user if not
   */
  void requireFits(GuestMemory memory);

  /** Copies the kernel to its place. */
  void copyTo(GuestMemory memory) throws IOException;

  /** Writes the structures of the boot protocol; the result is where the first vCPU begins. */
  VcpuBoot prepare(GuestMemory memory, BootInfo info) throws IOException;
}
