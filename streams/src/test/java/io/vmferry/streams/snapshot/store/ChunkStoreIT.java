package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.snapshot.DirectoryWriter;
import io.vmferry.streams.snapshot.SmallDisk;
import io.vmferry.streams.snapshot.SnapshotCopy;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots of memory that is in real memory files, in a store on a real disk. */
@Timeout(120)
class ChunkStoreIT {
  private static final long GIB = 1L << 30;
  private static final int CHUNK = StoreDescription.CHUNK_BYTES;

  @TempDir private Path disk;

  private final Random random = Guests.random("ChunkStoreIT");
  private GuestMemory memory;
  private LocalStore store;

  @BeforeEach
  void open() throws IOException {
    memory = oddRegions();
    Guests.fillSome(memory, random, 3);
    store = LocalStore.openOrCreate(disk.resolve("store"));
  }

  @AfterEach
  void close() {
    memory.close();
  }

  /** Two slots in one file, no slot a multiple of a chunk. */
  private static GuestMemory oddRegions() throws IOException {
    long low = 9 * (1 << 20) + 3 * 4096;
    long high = 2 * (1 << 20) + 4096;
    Memfd shared = Memfd.create("low", low + high, PageSize.KIB_4);
    Memfd own = Memfd.create("own", 5 * 4096, PageSize.KIB_4);
    return GuestMemory.adopt(
        List.of(
            GuestRegion.map(0, new Gpa(0), low, shared, 0),
            GuestRegion.map(7, new Gpa(4 * GIB), high, shared, low),
            GuestRegion.map(2, new Gpa(8 * GIB), 5 * 4096, own, 0)));
  }

  @Test
  void whatIsReadBackIsWhatWasWrittenByteForByte() throws Exception {
    StoreKey key = key("key");
    for (ChunkedWriter.Options options :
        List.of(
            ChunkedWriter.Options.DEFAULT,
            new ChunkedWriter.Options(null, false, null),
            new ChunkedWriter.Options(null, true, key),
            new ChunkedWriter.Options(null, false, key))) {
      String name = "s" + options.compress() + (options.key() != null);
      write(name, options);

      try (ChunkedReader reader = ChunkedReader.open(store, name, options.key())) {
        assertEquals(Snapshots.config(memory), reader.config().raw());
        assertEquals(Snapshots.STATE, reader.state());
        AtomicLong done = new AtomicLong();
        try (SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
          loaded.loadAll(done::addAndGet);
          assertEquals(MemoryDigest.of(memory), MemoryDigest.of(loaded.memory()));
        }
        assertEquals(memory.sizeBytes(), done.get());
        assertEquals(memory.sizeBytes(), reader.manifest().memoryBytes());
      }
    }
    assertEquals(List.of("sfalsefalse", "sfalsetrue", "struefalse", "struetrue"), store.names());
    assertStagingIsEmpty();
  }

  @Test
  void mostlyHolesTakeLittleRoomAndLittleHeap() throws Exception {
    try (GuestMemory sparse = GuestMemory.allocate(8 * GIB, PageSize.KIB_4)) {
      for (GuestRegion region : sparse.regions()) {
        sparse.write(region.base().plus(region.sizeBytes() - 4096), new byte[] {1, 2, 3});
      }
      sparse.write(sparse.regions().get(0).base(), new byte[4096]);
      memory.close();
      memory = sparse;

      try (ChunkedWriter writer = ChunkedWriter.begin(store, "s", ChunkedWriter.Options.DEFAULT)) {
        Snapshots.write(writer, memory);
        assertTrue(writer.dataBytes() <= (long) CHUNK * sparse.regions().size());
      }
      long stored = bytesIn(disk.resolve("store"));
      // The manifest has 32 bytes for each chunk of holes too.
      assertTrue(stored <= 8 * GIB / CHUNK * 32 + (64 << 10), stored + " bytes on disk");
      try (ChunkedReader reader = ChunkedReader.open(store, "s", null);
          SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
        loaded.loadAll(bytes -> {});
        assertEquals(MemoryDigest.of(sparse), MemoryDigest.of(loaded.memory()));
        assertTrue(Snapshots.allocated(loaded.memory()) <= 8 << 20);
      }
    }
  }

  @Test
  void pagesComeOnDemandBesideTheFillAndEachIsWrittenOnce() throws Exception {
    StoreKey key = key("key");
    write("s", new ChunkedWriter.Options(null, true, key));
    try (ChunkedReader reader = ChunkedReader.open(store, "s", key);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      GuestRegion region = served.memory().regions().get(1);
      MemoryRange page = new MemoryRange(region.base().value() + 8192, 4096);
      served.bring(page);
      served.memory().write(page.start(), new byte[] {42});

      CompletableFuture<Void> fill =
          CompletableFuture.runAsync(() -> unchecked(() -> served.fill()));
      for (int i = 0; i < 500; i++) {
        long at = random.nextInt((int) (memory.regions().get(0).sizeBytes() / 4096)) * 4096L;
        served.bring(new MemoryRange(at, 4096));
      }
      served.bring(page);
      fill.get(60, TimeUnit.SECONDS);

      memory.write(page.start(), new byte[] {42});
      assertEquals(MemoryDigest.of(memory), MemoryDigest.of(served.memory()));
    }
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void unchecked(Work work) {
    try {
      work.run();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void onlyWhatHasChangedSinceTheParentIsStored() throws Exception {
    write("one", ChunkedWriter.Options.DEFAULT);
    Manifest one = ManifestFormat.decode("one", store.manifest("one"));
    long before = chunkFiles();
    memory.write(new Gpa(5L * CHUNK + 12), new byte[] {1, 2, 3, 4, 5});

    write("two", new ChunkedWriter.Options("one", true, null));

    Manifest two = ManifestFormat.decode("two", store.manifest("two"));
    assertEquals(before + 1, chunkFiles());
    assertTrue(two.storedBytes() <= CHUNK + 100, two.storedBytes() + " bytes");
    assertEquals(one.generation(), Objects.requireNonNull(two.parent()).generation());
    assertNotEquals(one.generation(), two.generation());
    assertNull(one.parent());
    // A child needs nothing of its parent but the chunks that both have.
    store.remove("one");
    store.collect(false);
    assertEquals(MemoryDigest.of(memory), digest("two", null));
  }

  @Test
  void aParentThatIsNotThereOrOfAnotherKeyIsRefused() throws Exception {
    write("one", new ChunkedWriter.Options(null, true, key("key")));
    assertRefused(
        "has no snapshot none",
        () -> ChunkedWriter.begin(store, "two", new ChunkedWriter.Options("none", true, null)));
    assertRefused(
        "is encrypted with key",
        () ->
            ChunkedWriter.begin(
                store, "two", new ChunkedWriter.Options("one", true, key("other"))));
  }

  @Test
  void aNameIsGivenOnce() throws Exception {
    write("s", ChunkedWriter.Options.DEFAULT);
    assertRefused(
        "has a snapshot s already",
        () -> ChunkedWriter.begin(store, "s", ChunkedWriter.Options.DEFAULT));
    try (ChunkedWriter one = ChunkedWriter.begin(store, "t", ChunkedWriter.Options.DEFAULT);
        ChunkedWriter two = ChunkedWriter.begin(store, "t", ChunkedWriter.Options.DEFAULT)) {
      Snapshots.write(one, memory);
      assertRefused("has a snapshot t already", () -> Snapshots.write(two, memory));
    }
    assertEquals(MemoryDigest.of(memory), digest("t", null));
    assertThrows(
        IllegalArgumentException.class,
        () -> ChunkedWriter.begin(store, "../t", ChunkedWriter.Options.DEFAULT));
  }

  @Test
  void whatIsGivenUpLeavesNothing() throws Exception {
    try (ChunkedWriter writer = ChunkedWriter.begin(store, "s", ChunkedWriter.Options.DEFAULT)) {
      writer.config(Snapshots.config(memory));
      assertEquals(1, stagings());
    }
    assertStagingIsEmpty();
    assertEquals(List.of(), store.names());
    assertEquals(0, chunkFiles());
  }

  @Test
  void garbageIsWhatNoSnapshotNeeds() throws Exception {
    write("one", ChunkedWriter.Options.DEFAULT);
    memory.write(new Gpa(12), new byte[] {1, 2, 3, 4, 5});
    write("two", ChunkedWriter.Options.DEFAULT);
    Files.createDirectories(disk.resolve("store/staging/dead"));
    Files.write(disk.resolve("store/staging/dead/half"), new byte[100]);
    store.remove("one");
    long before = chunkFiles();

    ChunkStore.Garbage counted = store.collect(true);
    assertEquals(before, chunkFiles());
    ChunkStore.Garbage removed = store.collect(false);

    assertEquals(counted, removed);
    assertEquals(2, removed.chunks()); // the first chunk as it was, and the half one
    assertEquals(before - 1, chunkFiles());
    assertEquals(MemoryDigest.of(memory), digest("two", null));
    store.remove("two");
    store.collect(false);
    assertEquals(0, chunkFiles());
    assertStagingIsEmpty();
  }

  @Test
  void garbageIsNotCollectedBesideAWriterThatMayNeedIt() throws Exception {
    write("one", ChunkedWriter.Options.DEFAULT);
    store.remove("one");
    try (ChunkedWriter writer = ChunkedWriter.begin(store, "two", ChunkedWriter.Options.DEFAULT)) {
      writer.config(Snapshots.config(memory));
      // Chunks of one, which nobody needs yet.
      assertRefused("is being written", () -> store.collect(false));
      writer.state(Snapshots.STATE);
      for (GuestRegion region : memory.regions()) {
        writer.memory(GuestRamMapping.of(region), Snapshots.source(region), bytes -> {});
      }
      assertThrows(IllegalStateException.class, () -> writer.state(Snapshots.STATE));
      writer.commit();
    }
    assertEquals(new ChunkStore.Garbage(0, 0), store.collect(false));
    assertEquals(MemoryDigest.of(memory), digest("two", null));
  }

  @Test
  void aManifestThatCannotBeReadKeepsEveryChunk() throws Exception {
    write("one", ChunkedWriter.Options.DEFAULT);
    long before = chunkFiles();
    Path manifest = disk.resolve("store/snapshots/one");
    byte[] bytes = Files.readAllBytes(manifest);
    bytes[200] ^= 1;
    Files.write(manifest, bytes);

    assertRefused("manifest of snapshot one is damaged", () -> store.collect(false));
    assertEquals(before, chunkFiles());
  }

  @Test
  void whatIsBeingReadCannotBeRemoved() throws Exception {
    write("s", ChunkedWriter.Options.DEFAULT);
    try (ChunkedReader reader = ChunkedReader.open(store, "s", null)) {
      assertRefused("is being read", () -> store.remove("s"));
      assertEquals(MemoryDigest.of(memory), Snapshots.digest(reader));
    }
    store.remove("s");
    assertRefused("has no snapshot s", () -> store.remove("s"));
    assertRefused("has no snapshot s", () -> ChunkedReader.open(store, "s", null));
  }

  @Test
  void aFullDiskLeavesTheEarlierSnapshotsAndNothingElse() throws Exception {
    try (SmallDisk full = SmallDisk.mount(disk.resolve("full"), 12)) {
      store = LocalStore.openOrCreate(full.path().resolve("store"));
      write("one", ChunkedWriter.Options.DEFAULT);
      final long kept = MemoryDigest.of(memory);
      Guests.fillSome(memory, random, 1);

      assertRefused("There is no room", () -> write("two", ChunkedWriter.Options.DEFAULT));

      assertEquals(List.of("one"), store.names());
      assertEquals(kept, digest("one", null));
      assertEquals(new ChunkStore.Garbage(0, 0), store.collect(false));
      StoreCheck check = new StoreCheck(store, null, bytes -> {});
      check.check("one");
      assertEquals(List.of(), check.problems());
    }
  }

  @Test
  void everyWriterOfADamagedSnapshotSaysWhatDamagedIt() throws Exception {
    try (SmallDisk full = SmallDisk.mount(disk.resolve("full"), 12);
        StoreUpload upload = LocalStore.openOrCreate(full.path().resolve("store")).begin("s")) {
      ByteBuffer tooMuch = ByteBuffer.allocateDirect(16 << 20);

      assertRefused("There is no room", () -> upload.put(new ChunkName(1, 0, 0, 0), tooMuch));
      ByteBuffer little = ByteBuffer.allocateDirect(1);
      assertRefused("There is no room", () -> upload.put(new ChunkName(2, 0, 0, 0), little));
      assertRefused("There is no room", () -> upload.commit(new byte[1]));
    }
  }

  @Test
  void aSnapshotIsCopiedBetweenStoresAndFormats() throws Exception {
    StoreKey key = key("key");
    write("s", ChunkedWriter.Options.DEFAULT);
    LocalStore other = LocalStore.openOrCreate(disk.resolve("other"), 4096);

    try (ChunkedReader from = ChunkedReader.open(store, "s", null);
        DirectoryWriter to = DirectoryWriter.begin(disk.resolve("dir"))) {
      SnapshotCopy.run(from, to, bytes -> {});
    }
    try (DirectoryReader from = DirectoryReader.open(disk.resolve("dir"));
        ChunkedWriter to =
            ChunkedWriter.begin(other, "t", new ChunkedWriter.Options(null, true, key))) {
      SnapshotCopy.run(from, to, bytes -> {});
    }
    try (ChunkedReader from = ChunkedReader.open(other, "t", key)) {
      assertEquals(Snapshots.config(memory), from.config().raw());
      assertEquals(Snapshots.STATE, from.state());
      assertEquals(MemoryDigest.of(memory), Snapshots.digest(from));
      // Smaller chunks leave out more zeros.
      assertTrue(from.manifest().dataBytes() < memory.sizeBytes() / 2);
    }
  }

  @Test
  void whatHoldsSomethingElseIsNoStore() throws Exception {
    Path other = Files.createDirectory(disk.resolve("other"));
    assertRefused("There is no store in", () -> LocalStore.open(other));
    Files.writeString(other.resolve("thesis.tex"), "precious");
    assertRefused("thesis.tex", () -> LocalStore.openOrCreate(other));
    Files.writeString(other.resolve("store.json"), "{\"format\":\"vmferry chunk store\"}");
    assertRefused("has version 0", () -> LocalStore.open(other));
    Files.writeString(other.resolve("store.json"), "what?");
    assertRefused("does not describe a chunk store", () -> LocalStore.open(other));
  }

  private interface Deed {
    void run() throws Exception;
  }

  private static void assertRefused(String reason, Deed deed) {
    SnapshotException refused = assertThrows(SnapshotException.class, deed::run);
    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
  }

  private void write(String name, ChunkedWriter.Options options) throws IOException {
    try (ChunkedWriter writer = ChunkedWriter.begin(store, name, options)) {
      Snapshots.write(writer, memory);
    }
  }

  private long digest(String name, @Nullable StoreKey key) throws IOException {
    try (ChunkedReader reader = ChunkedReader.open(store, name, key)) {
      return Snapshots.digest(reader);
    }
  }

  private StoreKey key(String name) throws IOException {
    return StoreKeyTest.key(disk.resolve(name), random);
  }

  private long chunkFiles() throws IOException {
    try (Stream<Path> all = Files.walk(disk.resolve("store/chunks"))) {
      return all.filter(Files::isRegularFile).count();
    }
  }

  private static long bytesIn(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).mapToLong(path -> path.toFile().length()).sum();
    }
  }

  private long stagings() throws IOException {
    try (Stream<Path> all = Files.list(disk.resolve("store/staging"))) {
      return all.count();
    }
  }

  private void assertStagingIsEmpty() throws IOException {
    assertFalse(stagings() > 0, "staging is not empty");
  }
}
