package io.vmferry.actors.machine;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.HostMemory;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;

/** Refuses guests that the host cannot hold, before anything is allocated. */
public final class MemoryBudget {
  private MemoryBudget() {}

  /**
   * Refuses what this host has no room for in pages of 4 KiB.
   *
   * @throws NotEnoughMemoryException with one sentence for the user
   */
  public static void require(long bytes) throws IOException {
    long available = HostMemory.availableBytes();
    if (available < bytes) {
      throw new NotEnoughMemoryException(
          String.format(
              "The guest needs %d MiB of memory and this host has %d MiB available.",
              bytes >> 20, available >> 20));
    }
  }

  /**
   * Allocates guest memory if the host has it.
   *
   * @throws NotEnoughMemoryException with one sentence for the user if it does not
   * @throws IOException if the kernel refuses
   */
  public static GuestMemory allocate(long bytes, PageSize pageSize) throws IOException {
    if (pageSize == PageSize.KIB_4) {
      require(bytes);
    }
    try {
      return GuestMemory.allocate(bytes, pageSize);
    } catch (IOException e) {
      if (pageSize.isHuge()) {
        throw new NotEnoughMemoryException(
            "Guest memory in pages of " + pageSize.label() + ": " + e.getMessage() + ".");
      }
      throw e;
    }
  }
}
