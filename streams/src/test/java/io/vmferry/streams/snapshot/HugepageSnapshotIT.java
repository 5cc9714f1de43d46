package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.HugepageReservation;
import io.vmferry.streams.snapshot.store.ChunkedReader;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots of memory that is in hugetlbfs files, into such files again and into 4 KiB pages. */
class HugepageSnapshotIT {
  private static final long PAGE = PageSize.MIB_2.bytes();
  private static final int PAGES = 8;

  @TempDir private Path disk;

  private final Random random = Guests.random("HugepageSnapshotIT");
  private HugepageReservation reserved;
  private GuestMemory memory;

  @BeforeEach
  void open() throws IOException {
    reserved = HugepageReservation.reserve(PageSize.MIB_2, 2 * PAGES);
    memory = GuestMemory.allocate(PAGES * PAGE, PageSize.MIB_2);
    // Zeros stay between: hugetlbfs does not tell what is a hole.
    byte[] some = new byte[300_000];
    for (int page = 0; page < PAGES; page += 3) {
      random.nextBytes(some);
      memory.write(new Gpa(page * PAGE + 5000), some);
    }
  }

  @AfterEach
  void close() throws IOException {
    if (memory != null) {
      memory.close();
    }
    if (reserved != null) {
      reserved.close();
    }
  }

  @Test
  void aDirectoryHoldsWhatTheHugepagesDid() throws Exception {
    Path target = disk.resolve("s");
    try (DirectoryWriter writer = DirectoryWriter.begin(target)) {
      Snapshots.write(writer, memory);
      assertTrue(writer.storedBytes() < PAGES * PAGE, "zeros were stored");
    }
    assertEquals(PAGES * PAGE, Files.size(target.resolve("memory-0")));

    try (DirectoryReader reader = DirectoryReader.open(target)) {
      assertRestores(reader);
    }
  }

  @Test
  void aStoreHoldsWhatTheHugepagesDid() throws Exception {
    try (LocalStore store = LocalStore.openOrCreate(disk.resolve("store"))) {
      ChunkedWriter.Options options = new ChunkedWriter.Options(null, true, null);
      try (ChunkedWriter writer = ChunkedWriter.begin(store, "s", options)) {
        Snapshots.write(writer, memory);
      }

      try (ChunkedReader reader = ChunkedReader.open(store, "s", null)) {
        assertRestores(reader);
      }
    }
  }

  private void assertRestores(SnapshotReader reader) throws IOException {
    long before = MemoryDigest.of(memory);
    assertEquals(before, Snapshots.digest(reader));
    try (SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.MIB_2)) {
      loaded.loadAll(bytes -> {});
      assertEquals(before, MemoryDigest.of(loaded.memory()));
    }
    try (SnapshotMemory demanded = SnapshotMemory.create(reader, PageSize.MIB_2)) {
      for (int page = PAGES - 1; page >= 0; page--) {
        demanded.bring(new MemoryRange(page * PAGE, PAGE));
      }
      assertEquals(before, MemoryDigest.of(demanded.memory()));
    }
  }
}
