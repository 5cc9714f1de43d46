package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.store.ChunkedReader;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.snapshot.store.StoreKey;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Working sets of snapshots in a store on a real disk, their pages kept together. */
class PackedPagesIT {
  private static final long PAGE = 4096;
  private static final long CHUNK = 256 << 10;

  @TempDir private Path disk;

  private final Random random = new Random(1);
  private final List<String> warnings = new ArrayList<>();
  private final Packed packed = new Packed();
  private GuestMemory memory;
  private LocalStore store;

  /** What was said of bytes that are kept together. */
  private static final class Packed implements PackedPages.Progress {
    private long wanted;
    private long done;

    @Override
    public void begins(long bytes) {
      wanted += bytes;
    }

    @Override
    public void done(long bytes) {
      done += bytes;
    }
  }

  @BeforeEach
  void fill() throws IOException {
    memory = Guests.threeRegions();
    Guests.fillSome(memory, random, 1);
    store = LocalStore.openOrCreate(disk.resolve("store"));
    write("s", null);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private void write(String name, @Nullable StoreKey key) throws IOException {
    ChunkedWriter.Options options = new ChunkedWriter.Options(null, true, key);
    try (ChunkedWriter writer = ChunkedWriter.begin(store, name, options)) {
      Snapshots.write(writer, memory);
    }
  }

  private StoreKey key(String name) throws IOException {
    Path file = disk.resolve(name);
    if (!Files.exists(file)) {
      byte[] bytes = new byte[StoreKey.BYTES];
      random.nextBytes(bytes);
      Files.write(file, bytes);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }
    return StoreKey.load(file);
  }

  /** A page of each chunk, in any order. */
  private List<MemoryRange> scattered(int page) {
    List<MemoryRange> pages = new ArrayList<>();
    for (GuestRegion region : memory.regions()) {
      for (long at = page * PAGE; at < region.sizeBytes(); at += CHUNK) {
        pages.add(new MemoryRange(region.base().plus(at).value(), PAGE));
      }
    }
    Collections.shuffle(pages, random);
    return pages;
  }

  private WorkingSetRecord open(SnapshotReader reader) {
    return WorkingSetRecord.open(reader, memory, true, warnings::add);
  }

  /** A restore of which nothing but demands is seen. */
  private void restore(SnapshotReader reader, List<MemoryRange> demands) {
    WorkingSetRecord record = open(reader);
    demands.forEach(record::faulted);
    record.keep();
    record.pack(packed);
  }

  private Path pack(SnapshotReader reader) {
    return disk.resolve("store/working-sets/" + reader.generation() + ".pack");
  }

  private static Set<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new TreeSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }

  /** Loads what was recorded and nothing else, and compares it. */
  private void assertLoads(SnapshotReader reader, List<MemoryRange> pages) throws IOException {
    try (SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      served.fillFirst(open(reader));

      for (MemoryRange page : pages) {
        assertSame(served.memory(), page);
      }
      assertEquals(pages.size() * PAGE, Snapshots.allocated(served.memory()));
    }
  }

  private void assertSame(GuestMemory served, MemoryRange page) {
    assertEquals(
        memory.slice(page.start(), (int) page.length()),
        served.slice(page.start(), (int) page.length()),
        page::toString);
  }

  /** A restore of everything, beside which nothing is demanded. */
  private void assertRestores(SnapshotReader reader) throws IOException {
    try (SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      served.fill(open(reader));
      assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
    }
  }

  private void hideChunks() throws IOException {
    Files.move(disk.resolve("store/chunks"), disk.resolve("hidden"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aWorkingSetIsLoadedWithoutTheChunksItIsIn(boolean encrypted) throws Exception {
    StoreKey key = encrypted ? key("key") : null;
    write("t", key);
    try (ChunkedReader reader = ChunkedReader.open(store, "t", key)) {
      List<MemoryRange> pages = scattered(3);
      restore(reader, pages);
      assertEquals(pages.size() * PAGE, packed.wanted);
      assertEquals(packed.wanted, packed.done);
      hideChunks();

      assertLoads(reader, pages);
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void whatIsDemandedLaterIsAddedAndTheRestStays() throws Exception {
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null)) {
      List<MemoryRange> pages = scattered(3);
      restore(reader, pages);
      Set<String> first = names(pack(reader));
      List<MemoryRange> more = scattered(60);
      restore(reader, more);

      assertTrue(names(pack(reader)).containsAll(first));
      pages.addAll(more);
      hideChunks();
      assertLoads(reader, pages);
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void aFewPagesAndWholeStretchesAreNotKeptTwice() throws Exception {
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null)) {
      restore(reader, scattered(3).subList(0, 15));
      assertFalse(Files.exists(pack(reader)));
      restore(reader, List.of(new MemoryRange(CHUNK, 14 << 20)));
      assertFalse(Files.exists(pack(reader)), "most of what is read is wanted");
      restore(reader, scattered(3));
      assertFalse(Files.exists(pack(reader)), "still");
      assertEquals(0, packed.wanted);
      assertRestores(reader);
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void aPageThatTheGuestHasIsNotWrittenAgain() throws Exception {
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      List<MemoryRange> pages = scattered(3);
      restore(reader, pages);
      MemoryRange demanded = pages.get(20);
      served.bring(demanded);
      byte[] changed = {1, 2, 3, 4};
      served.memory().write(demanded.start(), changed);

      served.fillFirst(open(reader));

      assertEquals(
          ByteBuffer.wrap(changed), served.memory().slice(demanded.start(), changed.length));
    }
  }

  /** What may become of the files of a pack. */
  private enum Damage {
    PIECE_FLIPPED,
    PIECES_SWAPPED,
    PIECE_MISSING,
    PIECE_LONG,
    TABLE_FLIPPED,
    TABLE_CUT,
    TABLE_OF_ANOTHER,
    TABLE_MISSING;

    void to(Path pack, Path other) throws IOException {
      Path table = pack.resolve("table");
      List<Path> pieces = new ArrayList<>();
      for (String name : names(pack)) {
        if (!name.equals("table")) {
          pieces.add(pack.resolve(name));
        }
      }
      switch (this) {
        case PIECE_FLIPPED -> flip(pieces.get(0));
        case PIECES_SWAPPED -> {
          byte[] first = Files.readAllBytes(pieces.get(0));
          Files.copy(pieces.get(1), pieces.get(0), StandardCopyOption.REPLACE_EXISTING);
          Files.write(pieces.get(1), first);
        }
        case PIECE_MISSING -> Files.delete(pieces.get(1));
        case PIECE_LONG -> Files.write(pieces.get(0), new byte[(int) (2 * CHUNK)]);
        case TABLE_FLIPPED -> flip(table);
        case TABLE_CUT -> {
          byte[] bytes = Files.readAllBytes(table);
          Files.write(table, Arrays.copyOf(bytes, bytes.length - 1));
        }
        case TABLE_OF_ANOTHER ->
            Files.copy(other.resolve("table"), table, StandardCopyOption.REPLACE_EXISTING);
        case TABLE_MISSING -> Files.delete(table);
      }
    }

    private static void flip(Path file) throws IOException {
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length / 2] ^= 4;
      Files.write(file, bytes);
    }
  }

  @Test
  void whatIsDamagedIsIgnoredWithOneWarningAndKeptAnew() throws Exception {
    write("other", null);
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null);
        ChunkedReader other = ChunkedReader.open(store, "other", null)) {
      List<MemoryRange> pages = scattered(3);
      restore(reader, pages);
      restore(other, scattered(3));
      for (Damage damage : Damage.values()) {
        warnings.clear();
        damage.to(pack(reader), pack(other));
        try (ChunkedReader again = ChunkedReader.open(store, "s", null)) {
          assertRestores(again);
          int expected = damage == Damage.TABLE_MISSING ? 0 : 1;
          assertEquals(expected, warnings.size(), damage + ": " + warnings);
          restore(again, List.of());
        }
        warnings.clear();
        try (ChunkedReader again = ChunkedReader.open(store, "s", null)) {
          assertLoads(again, pages);
          assertEquals(List.of(), warnings, damage::toString);
        }
      }
    }
  }

  @Test
  void anotherKeysTableIsNotBelieved() throws Exception {
    write("t", key("key"));
    try (ChunkedReader plain = ChunkedReader.open(store, "s", null);
        ChunkedReader encrypted = ChunkedReader.open(store, "t", key("key"))) {
      restore(plain, scattered(3));
      restore(encrypted, scattered(3));
      Files.copy(
          pack(plain).resolve("table"),
          pack(encrypted).resolve("table"),
          StandardCopyOption.REPLACE_EXISTING);
    }
    try (ChunkedReader encrypted = ChunkedReader.open(store, "t", key("key"))) {
      assertRestores(encrypted);
    }
    assertEquals(1, warnings.size(), warnings::toString);
    assertTrue(warnings.get(0).contains("it is not encrypted"), warnings::toString);
  }

  @Test
  void goesWithTheSnapshotAndWithGarbage() throws Exception {
    write("t", null);
    Path first;
    Path second;
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null);
        ChunkedReader other = ChunkedReader.open(store, "t", null)) {
      restore(reader, scattered(3));
      restore(other, scattered(3));
      first = pack(reader);
      second = pack(other);
    }
    store.collect(false);
    assertTrue(Files.exists(first.resolve("table")) && Files.exists(second.resolve("table")));
    store.remove("s");
    assertFalse(Files.exists(first));
    Files.delete(disk.resolve("store/snapshots/t"));
    store.collect(false);
    assertFalse(Files.exists(second));
  }

  @Test
  void aPackThatCannotBeKeptIsAWarning() throws Exception {
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null)) {
      restore(reader, List.of());
      Files.createDirectories(disk.resolve("store/working-sets"));
      Files.write(pack(reader), new byte[1]);

      restore(reader, scattered(3));

      assertEquals(1, warnings.size(), warnings::toString);
      assertTrue(warnings.get(0).contains("cannot be packed"), warnings::toString);
      assertRestores(reader);
    }
  }
}
