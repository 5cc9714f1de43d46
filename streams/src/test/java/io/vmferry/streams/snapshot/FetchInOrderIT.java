package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VMM that asks for its memory page by page in the background, as Cloud Hypervisor does. */
class FetchInOrderIT {
  private static final long PAGE = 4096;

  @TempDir private Path disk;

  @Test
  void pagesAskedForInOrderAreReadInLargePiecesAndOthersAlone() throws Exception {
    Path directory = disk.resolve("s");
    try (GuestMemory guest = Guests.threeRegions()) {
      byte[] ones = {1};
      long pages = 0;
      for (var region : guest.regions()) {
        for (long at = 0; at < region.sizeBytes(); at += PAGE, pages++) {
          guest.write(region.base().plus(at), ones);
        }
      }
      try (DirectoryWriter writer = DirectoryWriter.begin(directory)) {
        Snapshots.write(writer, guest);
      }
      try (Loads loads = new Loads(DirectoryReader.open(directory));
          SnapshotMemory memory = SnapshotMemory.create(loads, PageSize.KIB_4)) {
        long far = guest.regions().get(0).sizeBytes() - PAGE;
        memory.bring(new MemoryRange(far, PAGE));
        memory.bring(new MemoryRange(far - 2 * PAGE, PAGE));
        assertEquals(2, loads.all.size());

        for (var region : guest.regions()) {
          for (long at = 0; at < region.sizeBytes(); at += PAGE) {
            memory.bring(new MemoryRange(region.base().value() + at, PAGE));
          }
        }

        long pieces = pages * PAGE / (1 << 20);
        assertTrue(
            loads.all.size() < pages / 8 + pieces,
            loads.all.size() + " reads for " + pages + " pages");
        assertEquals(MemoryDigest.of(guest), MemoryDigest.of(memory.memory()));
      }
    }
  }
}
