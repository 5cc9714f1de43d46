package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A snapshot that cannot be read for a moment, while its guest runs out of it. */
@Timeout(60)
class StumblingDiskIT {
  @TempDir private Path disk;

  @Test
  void theFillGoesOnAfterReadsThatFailed() throws Exception {
    try (GuestMemory guest = Guests.threeRegions();
        Loads loads = loads(guest);
        SnapshotMemory memory = SnapshotMemory.create(loads, PageSize.KIB_4)) {
      AtomicInteger reads = new AtomicInteger();
      loads.disk = () -> fail(reads.incrementAndGet() % 5 == 1);

      memory.fill();

      assertEquals(MemoryDigest.of(guest), MemoryDigest.of(memory.memory()));
    }
  }

  @Test
  void aDemandedPageComesAfterReadsThatFailed() throws Exception {
    try (GuestMemory guest = Guests.threeRegions();
        Loads loads = loads(guest);
        SnapshotMemory memory = SnapshotMemory.create(loads, PageSize.KIB_4)) {
      AtomicInteger reads = new AtomicInteger();
      loads.disk = () -> fail(reads.incrementAndGet() < 3);

      memory.bring(new MemoryRange(0, Guests.PAGE));

      assertEquals(7, memory.memory().read(guest.regions().get(0).base(), 1)[0]);
    }
  }

  @Test
  void aDiskThatIsGoneIsAFailure() throws Exception {
    try (GuestMemory guest = Guests.threeRegions();
        Loads loads = loads(guest);
        SnapshotMemory memory = SnapshotMemory.create(loads, PageSize.KIB_4)) {
      loads.disk = () -> fail(true);

      assertThrows(IOException.class, () -> memory.fill());
      assertThrows(IOException.class, () -> memory.bring(new MemoryRange(0, Guests.PAGE)));
    }
  }

  private static void fail(boolean now) throws IOException {
    if (now) {
      throw new IOException("Input/output error");
    }
  }

  private Loads loads(GuestMemory guest) throws IOException {
    for (var region : guest.regions()) {
      region.mapping().fill(0, region.sizeBytes(), (byte) 7);
    }
    Path directory = disk.resolve("s");
    try (DirectoryWriter writer = DirectoryWriter.begin(directory)) {
      Snapshots.write(writer, guest);
    }
    return new Loads(DirectoryReader.open(directory));
  }
}
