package io.vmferry.streams.snapshot;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Memory files for the slots of a guest that does not run here. */
public final class SlotMemory {
  private SlotMemory() {}

  /** The slots by rising address: the order of the regions that {@link #create} makes. */
  static List<GuestRamMapping> slots(VmMigrationConfig config) {
    return config.mappings().stream()
        .sorted(Comparator.comparingLong(GuestRamMapping::gpa))
        .toList();
  }

  /**
   * Makes a file for each slot and maps it; nothing of them is allocated.
   *
   * @param pageSize what the memory is made of
   * @throws IOException if there are too few descriptors or too little address space
   */
  public static GuestMemory create(VmMigrationConfig config, PageSize pageSize) throws IOException {
    List<GuestRegion> regions = new ArrayList<>();
    try {
      for (GuestRamMapping slot : slots(config)) {
        Memfd memfd =
            Memfd.create("snapshot-" + slot.slot(), slot.fileOffset() + slot.size(), pageSize);
        regions.add(
            GuestRegion.map(
                slot.slot(), new Gpa(slot.gpa()), slot.size(), memfd, slot.fileOffset()));
      }
      return GuestMemory.adopt(regions);
    } catch (IOException | IllegalArgumentException e) {
      regions.forEach(region -> region.mapping().close());
      regions.forEach(region -> region.memfd().close());
      throw e;
    }
  }
}
