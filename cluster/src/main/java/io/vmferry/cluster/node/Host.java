package io.vmferry.cluster.node;

import io.vmferry.kvm.memory.PageSize;

/**
 * A node's host and what it has to give.
 *
 * @param hostId the same for two nodes on one host and for no other; what decides whether guest
 *     memory can be handed over as descriptors
 * @param hypervisor what runs the vCPUs: {@code kvm}, or {@link #NO_HYPERVISOR}
 * @param cpus cores
 * @param memoryBytes all memory
 * @param memoryAvailableBytes what a new guest with 4 KiB pages could take
 * @param hugepages2MAvailableBytes what is free in the pool of 2 MiB pages
 * @param hugepages1GAvailableBytes what is free in the pool of 1 GiB pages
 */
public record Host(
    String hostId,
    String hypervisor,
    int cpus,
    long memoryBytes,
    long memoryAvailableBytes,
    long hugepages2MAvailableBytes,
    long hugepages1GAvailableBytes) {
  /** {@link #hypervisor} of a host that cannot run guests. */
  public static final String NO_HYPERVISOR = "none";

  /** What a new guest whose memory has pages of this size could take, in bytes. */
  public long availableBytes(PageSize pageSize) {
    return switch (pageSize) {
      case KIB_4 -> memoryAvailableBytes;
      case MIB_2 -> hugepages2MAvailableBytes;
      case GIB_1 -> hugepages1GAvailableBytes;
    };
  }
}
