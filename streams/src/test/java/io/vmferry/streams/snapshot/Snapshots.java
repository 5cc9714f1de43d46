package io.vmferry.streams.snapshot;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import org.apache.pekko.util.ByteString;

/** What tests of snapshots do with guests that are memory alone. */
public final class Snapshots {
  public static final ByteString STATE = ByteString.fromString("{\"vcpus\": [ 1,2 ]}\n");

  private Snapshots() {}

  /** Everything of a guest, committed. */
  public static void write(SnapshotWriter writer, GuestMemory guest) throws IOException {
    writer.config(config(guest));
    writer.state(STATE);
    for (GuestRegion region : guest.regions()) {
      writer.memory(GuestRamMapping.of(region), source(region), bytes -> {});
    }
    writer.commit();
  }

  public static MemorySource source(GuestRegion region) {
    return new FileMemory(region.memfd().file(), region.fileOffset(), region.sizeBytes());
  }

  public static ByteString config(GuestMemory guest) {
    StringBuilder mappings = new StringBuilder();
    for (GuestRamMapping slot : GuestRamMapping.listOf(guest)) {
      mappings.append(
          String.format(
              "%s{\"slot\": %d, \"gpa\":%d,\"size\":%d,\"zone_id\":\"mem0\",\"virtio_mem\":false,"
                  + "\"file_offset\":%d}",
              mappings.isEmpty() ? "" : ",",
              slot.slot(),
              slot.gpa(),
              slot.size(),
              slot.fileOffset()));
    }
    return ByteString.fromString(
        "{\"vm_config\":{},\"memory_manager_data\":{\"guest_ram_mappings\":[" + mappings + "]}}");
  }

  /** Of the memory, loaded at once. */
  public static long digest(SnapshotReader reader) throws IOException {
    try (SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      loaded.loadAll(bytes -> {});
      return MemoryDigest.of(loaded.memory());
    }
  }

  /** Bytes of its files that are no holes. */
  public static long allocated(GuestMemory guest) throws IOException {
    long sum = 0;
    Set<Object> seen = new HashSet<>();
    for (GuestRegion region : guest.regions()) {
      if (seen.add(region.memfd())) {
        sum += region.memfd().allocatedBytes();
      }
    }
    return sum;
  }
}
