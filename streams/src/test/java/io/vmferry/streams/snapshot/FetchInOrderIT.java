package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A VMM that asks for its memory page by page in the background, as Cloud Hypervisor does. */
class FetchInOrderIT {
  private static final long PAGE = 4096;

  private final AtomicInteger reads = new AtomicInteger();

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
      try (CountingReader reader = new CountingReader(DirectoryReader.open(directory));
          SnapshotMemory memory = SnapshotMemory.create(reader, PageSize.KIB_4)) {
        long far = guest.regions().get(0).sizeBytes() - PAGE;
        memory.bring(new MemoryRange(far, PAGE));
        memory.bring(new MemoryRange(far - 2 * PAGE, PAGE));
        assertEquals(2, reads.get());

        for (var region : guest.regions()) {
          for (long at = 0; at < region.sizeBytes(); at += PAGE) {
            memory.bring(new MemoryRange(region.base().value() + at, PAGE));
          }
        }

        long pieces = pages * PAGE / (1 << 20);
        assertTrue(reads.get() < pages / 8 + pieces, reads + " reads for " + pages + " pages");
        assertEquals(MemoryDigest.of(guest), MemoryDigest.of(memory.memory()));
      }
    }
  }

  /** Counts what is read of the memory. */
  private final class CountingReader implements SnapshotReader {
    private final SnapshotReader reader;

    CountingReader(SnapshotReader reader) {
      this.reader = reader;
    }

    @Override
    public MemorySource memory(GuestRamMapping slot) {
      MemorySource source = reader.memory(slot);
      return new MemorySource() {
        @Override
        public long sizeBytes() {
          return source.sizeBytes();
        }

        @Override
        public long nextData(long offset) throws IOException {
          return source.nextData(offset);
        }

        @Override
        public long nextHole(long offset) throws IOException {
          return source.nextHole(offset);
        }

        @Override
        public void readAt(long offset, ByteBuffer destination) throws IOException {
          reads.incrementAndGet();
          source.readAt(offset, destination);
        }

        @Override
        public boolean isWhole() throws IOException {
          return source.isWhole();
        }
      };
    }

    @Override
    public VmMigrationConfig config() {
      return reader.config();
    }

    @Override
    public ByteString state() {
      return reader.state();
    }

    @Override
    public UUID generation() {
      return reader.generation();
    }

    @Override
    public WorkingSetFile workingSet() {
      return reader.workingSet();
    }

    @Override
    public void close() {
      reader.close();
    }
  }
}
