package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots of memory that is in real memory files, on a real disk. */
class DirectorySnapshotIT {
  private static final long GIB = 1L << 30;

  @TempDir private Path disk;

  private final Random random = Guests.random("DirectorySnapshotIT");
  private GuestMemory memory;

  @BeforeEach
  void open() throws IOException {
    memory = Guests.threeRegions();
    Guests.fillSome(memory, random, 3);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void whatIsReadBackIsWhatWasWrittenByteForByte() throws Exception {
    Path target = disk.resolve("a/b/snapshot");

    write(target, memory);

    try (DirectoryReader reader = DirectoryReader.open(target)) {
      assertEquals(Snapshots.config(memory), reader.config().raw());
      assertEquals(Snapshots.STATE, reader.state());
      AtomicLong done = new AtomicLong();
      try (SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
        loaded.loadAll(done::addAndGet);
        assertEquals(MemoryDigest.of(memory), MemoryDigest.of(loaded.memory()));
        assertTrue(
            Snapshots.allocated(loaded.memory()) <= Snapshots.allocated(memory) + (16 << 20));
      }
      assertEquals(memory.sizeBytes(), done.get());
    }
    assertEquals(
        List.of("memory-0", "memory-1", "memory-2", "migration_config.json", "state.json"),
        names(target));
    assertEquals(List.of("snapshot"), names(target.getParent()));
  }

  @Test
  void mostlyHolesTakeLittleRoom() throws Exception {
    try (GuestMemory sparse = GuestMemory.allocate(8 * GIB, PageSize.KIB_4)) {
      for (GuestRegion region : sparse.regions()) {
        sparse.write(region.base().plus(region.sizeBytes() - 4096), new byte[] {1, 2, 3});
      }
      sparse.write(sparse.regions().get(0).base(), new byte[4096]);

      write(disk.resolve("sparse"), sparse);

      try (DirectoryReader reader = DirectoryReader.open(disk.resolve("sparse"));
          SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
        loaded.loadAll(bytes -> {});
        assertEquals(MemoryDigest.of(sparse), MemoryDigest.of(loaded.memory()));
        assertTrue(Snapshots.allocated(loaded.memory()) <= 8 << 20);
      }
      long stored = 0;
      for (GuestRegion region : sparse.regions()) {
        try (SparseFile file =
            SparseFile.open(SnapshotFiles.memory(disk.resolve("sparse"), region.slot()))) {
          stored += file.allocatedBytes();
        }
      }
      assertTrue(stored <= 1 << 20, stored + " bytes on disk");
    }
  }

  @Test
  void pagesComeOnDemandAndEachIsWrittenOnce() throws Exception {
    write(disk.resolve("s"), memory);
    try (DirectoryReader reader = DirectoryReader.open(disk.resolve("s"));
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      GuestRegion region = served.memory().regions().get(1);
      MemoryRange page = new MemoryRange(region.base().value() + 8192, 4096);

      served.bring(page);
      served.memory().write(page.start(), new byte[] {42});
      served.bring(page);
      served.fill();

      assertEquals(42, served.memory().read(page.start(), 1)[0]);
      memory.write(page.start(), new byte[] {42});
      assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
      // Holes too are pages now: the destination maps them without asking again.
      assertTrue(Snapshots.allocated(served.memory()) >= served.memory().sizeBytes());
    }
  }

  @Test
  void aSnapshotIsReplacedWholeAndOnlyByAWholeOne() throws Exception {
    Path target = disk.resolve("s");
    write(target, memory);
    final long before = digest(target);
    Guests.fillSome(memory, random, 5);

    try (DirectoryWriter writer = DirectoryWriter.begin(target)) {
      writer.config(Snapshots.config(memory));
      writer.state(Snapshots.STATE);
      writer.memory(mapping(0), Snapshots.source(memory.regions().get(0)), bytes -> {});
    }
    assertEquals(before, digest(target));
    assertEquals(List.of("s"), names(disk));

    write(target, memory);
    assertEquals(MemoryDigest.of(memory), digest(target));
    assertEquals(List.of("s"), names(disk));
  }

  @Test
  void whatAKilledProcessLeftIsInNobodysWay() throws Exception {
    Path partial = Files.createDirectory(disk.resolve(".s.partial"));
    Files.writeString(partial.resolve("memory-0"), "half");
    Files.writeString(disk.resolve(".s.partial.lock"), "");

    write(disk.resolve("s"), memory);

    assertEquals(MemoryDigest.of(memory), digest(disk.resolve("s")));
    assertEquals(List.of("s"), names(disk));
  }

  @Test
  void anEmptyDirectoryIsFilled() throws Exception {
    Path target = Files.createDirectory(disk.resolve("s"));

    write(target, memory);

    assertEquals(MemoryDigest.of(memory), digest(target));
  }

  @Test
  void aFullDiskLeavesNothing() throws Exception {
    try (SmallDisk full = SmallDisk.mount(disk.resolve("full"), 4)) {
      SnapshotException refused =
          assertThrows(SnapshotException.class, () -> write(full.path().resolve("s"), memory));

      assertTrue(refused.getMessage().startsWith("There is no room"), refused::getMessage);
      assertEquals(List.of(), names(full.path()));
    }
  }

  @Test
  void oneWriterADirectory() throws Exception {
    try (DirectoryWriter writer = DirectoryWriter.begin(disk.resolve("s"))) {
      SnapshotException refused =
          assertThrows(
              SnapshotException.class, () -> DirectoryWriter.begin(disk.resolve("s")).close());
      assertTrue(refused.getMessage().contains("being written"), refused::getMessage);
      assertEquals(0, writer.storedBytes());
    }
    assertEquals(List.of(), names(disk));
  }

  @Test
  void refusesADirectoryThatHoldsSomethingElse() throws Exception {
    Files.writeString(disk.resolve("thesis.tex"), "precious");

    SnapshotException refused =
        assertThrows(SnapshotException.class, () -> DirectoryWriter.begin(disk).close());

    assertTrue(refused.getMessage().contains("thesis.tex"), refused::getMessage);
    assertEquals(List.of("thesis.tex"), names(disk));
  }

  @Test
  void aFileThatBecomesShorterIsNoSnapshot() throws Exception {
    Path file = disk.resolve("short");
    try (SparseFile source = SparseFile.create(file, Guests.LOW_BYTES)) {
      ByteBuffer bytes = ByteBuffer.allocateDirect((int) Guests.LOW_BYTES);
      bytes.put(0, new byte[] {1}).put(8 << 20, new byte[] {1});
      source.writeAt(0, bytes);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(4 << 20);
      }
      try (DirectoryWriter writer = DirectoryWriter.begin(disk.resolve("s"))) {
        MemorySource memory = new FileMemory(source, 0, Guests.LOW_BYTES);
        assertThrows(SnapshotException.class, () -> writer.memory(mapping(0), memory, done -> {}));
      }
    }
    assertFalse(Files.exists(disk.resolve("s")));
  }

  @Test
  void saysWhatIsMissingOrOfTheWrongSize() throws Exception {
    Path target = disk.resolve("s");
    assertUnreadable(target, "migration_config.json does not exist");
    write(target, memory);
    Files.write(target.resolve("memory-1"), new byte[100]);
    assertUnreadable(target, "memory-1 has 100 bytes; its slot has " + Guests.HIGH_BYTES);
    Files.delete(target.resolve("memory-1"));
    assertUnreadable(target, "memory-1 does not exist");
    Files.writeString(target.resolve("migration_config.json"), "{}");
    assertUnreadable(target, "is not a guest's configuration");
  }

  @Test
  void aPipeInTheSnapshotIsNotWaitedFor() throws Exception {
    Path target = disk.resolve("s");
    write(target, memory);
    Path file = target.resolve("memory-1");
    Files.delete(file);
    assertEquals(0, new ProcessBuilder("mkfifo", file.toString()).inheritIO().start().waitFor());

    assertTimeoutPreemptively(
        Duration.ofSeconds(20), () -> assertUnreadable(target, "memory-1 has 0 bytes"));
  }

  private static void assertUnreadable(Path target, String reason) {
    SnapshotException refused =
        assertThrows(SnapshotException.class, () -> DirectoryReader.open(target).close());
    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
  }

  private void write(Path target, GuestMemory guest) throws IOException {
    try (DirectoryWriter writer = DirectoryWriter.begin(target)) {
      Snapshots.write(writer, guest);
    }
  }

  private GuestRamMapping mapping(int region) {
    return GuestRamMapping.of(memory.regions().get(region));
  }

  private static long digest(Path snapshot) throws IOException {
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      return Snapshots.digest(reader);
    }
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
