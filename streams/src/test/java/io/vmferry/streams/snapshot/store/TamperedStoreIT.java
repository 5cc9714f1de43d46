package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a snapshot whose files somebody has changed, with a key and without. */
@Timeout(120)
class TamperedStoreIT {
  private static final int CHUNK = 64 << 10;
  private static final String NAME = "s";

  @TempDir private Path disk;

  private final Random random = Guests.random("TamperedStoreIT");
  private GuestMemory memory;
  private LocalStore store;
  private @Nullable StoreKey key;
  private Path first;
  private Path second;
  private Path manifest;

  @BeforeEach
  void open() throws IOException {
    memory = GuestMemory.allocate(1 << 20, PageSize.KIB_4);
    for (int i = 0; i < 32; i++) {
      // Half of each page compresses.
      byte[] half = new byte[2048];
      random.nextBytes(half);
      memory.write(new Gpa(i * 4096L), half);
    }
    store = LocalStore.openOrCreate(disk.resolve("store"), CHUNK);
  }

  @AfterEach
  void close() {
    memory.close();
  }

  private void write(boolean encrypted) throws IOException {
    key = encrypted ? StoreKeyTest.key(disk.resolve("key"), random) : null;
    try (ChunkedWriter writer =
        ChunkedWriter.begin(store, NAME, new ChunkedWriter.Options(null, true, key))) {
      Snapshots.write(writer, memory);
    }
    ChunkTable table = ManifestFormat.decode(NAME, store.manifest(NAME)).tables().get(2);
    first = chunk(table.name(0));
    second = chunk(table.name(1));
    manifest = disk.resolve("store/snapshots/" + NAME);
  }

  private Path chunk(ChunkName name) {
    return disk.resolve("store/chunks/" + name.toString().substring(0, 2) + "/" + name);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyByteOfAChunkCounts(boolean encrypted) throws Exception {
    write(encrypted);
    byte[] good = Files.readAllBytes(first);
    for (int at = 0; at < good.length; at += at < 80 ? 1 : 1 + random.nextInt(400)) {
      byte[] bad = good.clone();
      bad[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(first, bad);
      assertChunkRefused(first);
    }
    Files.write(first, good);
    assertWhole();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoRepairsTheChecksumIsFoundOutToo(boolean encrypted) throws Exception {
    write(encrypted);
    byte[] good = Files.readAllBytes(first);
    for (int at = 0; at < good.length; at += at < 80 ? 1 : 1 + random.nextInt(400)) {
      boolean bound = at < 12 || at >= ChunkHeader.BYTES || (encrypted && at < 24);
      if (bound && !(at >= ChunkHeader.BYTES && at < ChunkHeader.BYTES + 16 && !encrypted)) {
        byte[] bad = good.clone();
        bad[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(first, withChecksum(bad));
        // Zstandard has bits that say nothing: without a key only the content is protected.
        if (encrypted || !isWhole()) {
          assertChunkRefused(first);
        }
      }
    }
  }

  private static byte[] withChecksum(byte[] file) {
    CRC32C crc = new CRC32C();
    crc.update(file, 0, 28);
    crc.update(file, ChunkHeader.BYTES, file.length - ChunkHeader.BYTES);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putInt(28, (int) crc.getValue());
    return file;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aChunkThatIsCutLongerMissingOrAnotherIsRefused(boolean encrypted) throws Exception {
    write(encrypted);
    byte[] good = Files.readAllBytes(first);
    for (int length : new int[] {0, 1, 31, 32, 33, good.length / 2, good.length - 1}) {
      Files.write(first, Arrays.copyOf(good, length));
      assertChunkRefused(first);
    }
    Files.write(first, Arrays.copyOf(good, good.length + 1));
    assertChunkRefused(first);
    Files.write(first, Arrays.copyOf(good, 10 << 20));
    assertChunkRefused(first);
    Files.write(first, Files.readAllBytes(second));
    assertChunkRefused(first);
    Files.delete(first);
    assertChunkRefused(first);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyByteOfAManifestCounts(boolean encrypted) throws Exception {
    write(encrypted);
    byte[] good = Files.readAllBytes(manifest);
    for (int at = 0; at < good.length; at++) {
      byte[] bad = good.clone();
      bad[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(manifest, bad);
      assertManifestRefused();
    }
    for (int length = 0; length < good.length; length += 1 + random.nextInt(30)) {
      Files.write(manifest, Arrays.copyOf(good, length));
      assertManifestRefused();
    }
    Files.write(manifest, Arrays.copyOf(good, good.length + 1));
    assertManifestRefused();
    Files.write(manifest, good);
    assertWhole();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aManifestOfAnotherSnapshotOrVersionIsRefused(boolean encrypted) throws Exception {
    write(encrypted);
    Files.copy(manifest, disk.resolve("store/snapshots/t"));
    SnapshotException refused =
        assertThrows(SnapshotException.class, () -> ChunkedReader.open(store, "t", key));
    assertTrue(refused.getMessage().contains("is that of snapshot s"), refused::getMessage);
    byte[] newer = Files.readAllBytes(manifest);
    newer[4] = 2;
    Files.write(manifest, newer);
    refused = assertThrows(SnapshotException.class, () -> ChunkedReader.open(store, NAME, key));
    assertTrue(refused.getMessage().contains("has version 2"), refused::getMessage);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true})
  void whoLacksTheKeyCanNeitherReadNorForge(boolean encrypted) throws Exception {
    write(encrypted);
    StoreKey other = StoreKeyTest.key(disk.resolve("other"), random);
    assertRefused("is encrypted: name the file", null);
    assertRefused("and this is key " + other.fingerprint(), other);
    // A manifest with a good checksum and a made up signature.
    byte[] forged = Files.readAllBytes(manifest);
    forged[64] ^= 1;
    int end = forged.length - 64;
    byte[] sum = MessageDigest.getInstance("SHA-256").digest(Arrays.copyOf(forged, end));
    System.arraycopy(sum, 0, forged, end, sum.length);
    Files.write(manifest, forged);
    assertRefused("was changed by somebody without its key", key);
    // One that is not encrypted at all.
    store.remove(NAME);
    try (ChunkedWriter writer = ChunkedWriter.begin(store, NAME, ChunkedWriter.Options.DEFAULT)) {
      Snapshots.write(writer, memory);
    }
    assertRefused("is not encrypted", key);
  }

  private void assertRefused(String reason, @Nullable StoreKey with) {
    SnapshotException refused =
        assertThrows(SnapshotException.class, () -> ChunkedReader.open(store, NAME, with));
    assertTrue(refused.getMessage().contains(reason), refused::getMessage);
  }

  private boolean isWhole() throws IOException {
    try (ChunkedReader reader = ChunkedReader.open(store, NAME, key)) {
      return Snapshots.digest(reader) == MemoryDigest.of(memory);
    } catch (SnapshotException e) {
      return false;
    }
  }

  /** Eager and on demand, with the chunk named; what is not in it can be had. */
  private void assertChunkRefused(Path chunk) throws IOException {
    String name = String.valueOf(chunk.getFileName());
    try (ChunkedReader reader = ChunkedReader.open(store, NAME, key);
        SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      SnapshotException eager =
          assertThrows(SnapshotException.class, () -> loaded.loadAll(bytes -> {}));
      SnapshotException demanded =
          assertThrows(SnapshotException.class, () -> served.bring(new MemoryRange(4096, 4096)));
      served.bring(new MemoryRange(CHUNK, 4096));

      assertTrue(eager.getMessage().startsWith("Chunk " + name), eager::getMessage);
      assertTrue(demanded.getMessage().startsWith("Chunk " + name), demanded::getMessage);
      assertEquals(0, served.memory().read(new Gpa(4096), 1)[0]);
    }
    StoreCheck check = new StoreCheck(store, key, bytes -> {});
    check.check(NAME);
    assertEquals(1, check.problems().size());
    assertTrue(check.problems().get(0).contains(name));
  }

  private void assertManifestRefused() {
    assertThrows(SnapshotException.class, () -> ChunkedReader.open(store, NAME, key).close());
  }

  private void assertWhole() throws IOException {
    try (ChunkedReader reader = ChunkedReader.open(store, NAME, key)) {
      assertEquals(MemoryDigest.of(memory), Snapshots.digest(reader));
    }
    StoreCheck check = new StoreCheck(store, key, bytes -> {});
    check.check(NAME);
    assertEquals(0, check.problems().size());
    assertTrue(check.checkedChunks() >= 3);
  }
}
