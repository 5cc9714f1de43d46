package io.vmferry.actors.vm;

import io.vmferry.kvm.memory.PageSize;

/**
 * What a virtual machine is to be.
 *
 * @param name unique on its node, 1 to 63 characters of {@code a-z A-Z 0-9 . _ -}
 * @param cpus number of vCPUs, 1 to {@link #MAX_CPUS}
 * @param memoryBytes guest RAM, a multiple of the page size
 * @param pageSize size of the host pages behind it
 * @param guest what it boots
 */
public record VmSpec(
    String name, int cpus, long memoryBytes, PageSize pageSize, GuestSource guest) {
  /** The most vCPUs a virtual machine may have: what the standard guest's tables hold. */
  public static final int MAX_CPUS = 64;

  private static final long MIN_MEMORY_BYTES = 8L << 20;

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException with one sentence for the user if one is out of range
   */
  public VmSpec {
    if (!name.matches("[A-Za-z0-9._-]{1,63}")) {
      throw new IllegalArgumentException(
          "A VM's name is 1 to 63 characters of a-z, A-Z, 0-9, dot, underscore and dash");
    }
    if (cpus < 1 || cpus > MAX_CPUS) {
      throw new IllegalArgumentException("A VM has 1 to " + MAX_CPUS + " vCPUs, not " + cpus);
    }
    if (memoryBytes < MIN_MEMORY_BYTES) {
      throw new IllegalArgumentException("A VM has at least 8 MiB of memory");
    }
    if (memoryBytes % pageSize.bytes() != 0) {
      throw new IllegalArgumentException(
          "Memory of "
              + memoryBytes
              + " bytes is no multiple of the "
              + pageSize.label()
              + " page");
    }
    if (guest instanceof GuestSource.Standard standard
        && standard.workingSetBytes() > memoryBytes) {
      throw new IllegalArgumentException("The working set is larger than the VM's memory");
    }
  }
}
