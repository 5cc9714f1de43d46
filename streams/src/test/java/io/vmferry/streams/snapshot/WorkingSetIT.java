package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.store.ChunkedReader;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What restores remember, with snapshots on a real disk. */
class WorkingSetIT {
  private static final long PAGE = 4096;

  @TempDir private Path disk;

  private final List<String> warnings = new ArrayList<>();
  private GuestMemory memory;
  private Path snapshot;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    memory = Guests.threeRegions();
    // No holes: every load is a read.
    memory
        .regions()
        .forEach(
            region -> {
              for (long at = 0; at < region.sizeBytes(); at += PAGE) {
                memory.write(region.base().plus(at), new byte[] {(byte) (1 + at / PAGE % 100)});
              }
            });
    snapshot = disk.resolve("s");
    writeSnapshot();
    file = snapshot.resolve("working-set");
  }

  private void writeSnapshot() throws IOException {
    try (DirectoryWriter writer = DirectoryWriter.begin(snapshot)) {
      Snapshots.write(writer, memory);
    }
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private long gpa(int region, long page) {
    return memory.regions().get(region).base().value() + page * PAGE;
  }

  private MemoryRange page(int region, long page) {
    return new MemoryRange(gpa(region, page), PAGE);
  }

  /** A restore of which nothing but demands is seen. */
  private void restore(SnapshotReader reader, MemoryRange... demands) {
    WorkingSetRecord record = open(reader);
    for (MemoryRange demand : demands) {
      record.faulted(demand);
    }
    record.keep();
  }

  private List<PageRun> recorded(SnapshotReader reader) {
    return open(reader).earlier();
  }

  private WorkingSetRecord open(SnapshotReader reader) {
    return WorkingSetRecord.open(reader, memory, true, warnings::add);
  }

  @Test
  void demandsAreKeptInTheirOrderAndAsRuns() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      restore(reader, page(1, 3), page(1, 4), page(0, 9), page(1, 3), page(1, 5));

      assertEquals(
          List.of(
              new PageRun(gpa(1, 3), 2 * PAGE),
              new PageRun(gpa(0, 9), PAGE),
              new PageRun(gpa(1, 5), PAGE)),
          recorded(reader));
      restore(reader, page(0, 9), page(0, 10));
      assertEquals(
          List.of(
              new PageRun(gpa(1, 3), 2 * PAGE),
              new PageRun(gpa(0, 9), PAGE),
              new PageRun(gpa(1, 5), PAGE),
              new PageRun(gpa(0, 10), PAGE)),
          recorded(reader));
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void aWalkThroughMemoryIsNoDemand() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      WorkingSetRecord record = WorkingSetRecord.open(reader, memory, false, warnings::add);
      for (MemoryRange asked :
          List.of(page(0, 0), page(0, 1), page(0, 3), page(0, 2), page(1, 7), page(1, 8))) {
        record.faulted(asked);
      }
      // Three was asked for: the walk goes on behind it.
      record.faulted(page(0, 4));
      record.keep();

      assertEquals(
          List.of(new PageRun(gpa(0, 3), PAGE), new PageRun(gpa(1, 7), 2 * PAGE)),
          recorded(reader));
    }
  }

  @Test
  void theWorkingSetIsLoadedBeforeTheRestAndEverythingIsRight() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      restore(reader, page(2, 20), page(1, 30), page(1, 32));
      Loads loads = new Loads(reader);
      try (SnapshotMemory served = SnapshotMemory.create(loads, PageSize.KIB_4)) {
        served.fill(open(reader));

        assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
      }
      // Two threads take the two pieces; the page between two is read with them.
      assertEquals(
          List.of(new PageRun(gpa(1, 30), 3 * PAGE), new PageRun(gpa(2, 20), PAGE)),
          loads.all.stream().limit(2).sorted((a, b) -> Long.compare(a.gpa(), b.gpa())).toList());
      assertEquals(gpa(0, 0), loads.all.get(2).gpa());
      long bytes = loads.all.stream().mapToLong(PageRun::lengthBytes).sum();
      assertEquals(memory.sizeBytes(), bytes, "each page is read once");
    }
  }

  @Test
  void theRestWaitsForTheEndOfTheGuestsRushWhereDemandsAreRecorded() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      Future<Boolean> fill = Workers.start("fill", () -> served.fill(open(reader)));
      for (int i = 0; i < 10; i++) {
        served.bring(page(0, 3L * i));
        TimeUnit.MILLISECONDS.sleep(100);
      }
      assertFalse(fill.isDone());
      assertEquals(10 * PAGE, Snapshots.allocated(served.memory()));

      Boolean unused = fill.get(10, TimeUnit.SECONDS);
      assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
    }
  }

  @Test
  void aGuestCanWaitForItsWorkingSet() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      restore(reader, page(2, 20), page(1, 30));
      served.awaitFirst(Duration.ofMillis(1));
      Future<Boolean> fill = Workers.start("fill", () -> served.fillFirst(open(reader)));

      served.awaitFirst(Duration.ofSeconds(10));

      assertEquals(2 * PAGE, Snapshots.allocated(served.memory()));
      Boolean unused = fill.get(10, TimeUnit.SECONDS);
    }
  }

  @Test
  void whatCannotBeUsedIsIgnoredWithOneWarningAndReplaced() throws Exception {
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      restore(reader, page(0, 1));
      byte[] good = Files.readAllBytes(file);
      byte[] damaged = good.clone();
      damaged[40] ^= 1;
      byte[] cut = Arrays.copyOf(good, good.length - 1);
      byte[] huge = Arrays.copyOf(good, WorkingSet.MOST_BYTES + 100);
      byte[] claims = good.clone();
      ByteBuffer.wrap(claims).putInt(24, -1);
      List<PageRun> outside = List.of(new PageRun(gpa(0, 0), memory.sizeBytes() * 4));
      List<PageRun> odd = List.of(new PageRun(gpa(0, 0) + 1, PAGE));
      for (byte[] bad :
          List.of(
              damaged,
              cut,
              huge,
              claims,
              new byte[0],
              new byte[] {1, 2, 3},
              new WorkingSet(UUID.randomUUID(), List.of()).encode(),
              new WorkingSet(reader.generation(), outside).encode(),
              new WorkingSet(reader.generation(), odd).encode())) {
        warnings.clear();
        Files.write(file, bad);

        assertEquals(List.of(), recorded(reader));

        assertEquals(1, warnings.size(), warnings::toString);
        assertTrue(warnings.get(0).contains("is ignored: it "));
      }
      restore(reader, page(0, 1));
      assertArrayEquals(good, Files.readAllBytes(file));
    }
  }

  @Test
  void aSnapshotThatTookThePlaceOfAnotherHasAnotherGeneration() throws Exception {
    byte[] kept;
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      restore(reader, page(0, 1));
      kept = Files.readAllBytes(file);
    }
    writeSnapshot();
    assertFalse(Files.exists(file));
    Files.setLastModifiedTime(snapshot.resolve("memory-0"), FileTime.fromMillis(12345));
    Files.write(file, kept);

    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      assertEquals(List.of(), recorded(reader));
      assertTrue(warnings.get(0).contains("of another snapshot"));
    }
  }

  @Test
  void aDirectoryInWhichARecordWasBeingWrittenIsReplacedAsAnyOther() throws Exception {
    Files.write(snapshot.resolve("working-set." + UUID.randomUUID() + ".new"), new byte[3]);

    writeSnapshot();

    try (Stream<Path> files = Files.list(snapshot)) {
      assertEquals(2 + memory.regions().size(), files.count());
    }
  }

  @Test
  void aStoreKeepsOneForEachGenerationAndDropsItWithTheSnapshot() throws Exception {
    LocalStore store = LocalStore.openOrCreate(disk.resolve("store"));
    for (String name : List.of("one", "two")) {
      try (ChunkedWriter writer = ChunkedWriter.begin(store, name, ChunkedWriter.Options.DEFAULT)) {
        Snapshots.write(writer, memory);
      }
      try (ChunkedReader reader = ChunkedReader.open(store, name, null)) {
        assertNull(reader.workingSet().read());
        restore(reader, page(1, 3));
        assertEquals(List.of(new PageRun(gpa(1, 3), PAGE)), recorded(reader));
      }
    }
    Path folder = disk.resolve("store/working-sets");
    Files.write(folder.resolve(UUID.randomUUID().toString()), new byte[3]);
    assertEquals(3, count(folder));

    store.collect(true);
    assertEquals(3, count(folder), "a dry run removes nothing");
    store.collect(false);
    assertEquals(2, count(folder));
    store.remove("one");
    assertEquals(1, count(folder));
    try (ChunkedReader reader = ChunkedReader.open(store, "two", null)) {
      assertEquals(1, recorded(reader).size());
    }
  }

  @Test
  void aRecordThatCannotBeKeptIsAWarning() throws Exception {
    Files.createDirectory(file);
    Files.createDirectory(file.resolve("in-the-way"));
    try (DirectoryReader reader = DirectoryReader.open(snapshot)) {
      restore(reader, page(0, 1));
    }
    assertEquals(2, warnings.size(), warnings::toString);
    assertTrue(warnings.get(1).contains("cannot be kept"));
  }

  @Test
  void hasABound() {
    List<PageRun> most = Collections.nCopies(WorkingSet.MOST_RUNS, new PageRun(0, PAGE));
    assertEquals(WorkingSet.MOST_BYTES, new WorkingSet(new UUID(1, 2), most).encode().length);
    List<PageRun> more = Collections.nCopies(WorkingSet.MOST_RUNS + 1, new PageRun(0, PAGE));
    assertThrows(IllegalArgumentException.class, () -> new WorkingSet(new UUID(1, 2), more));
  }

  private static long count(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.count();
    }
  }
}
