package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotMemory;
import io.vmferry.streams.snapshot.Snapshots;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import io.vmferry.streams.testing.Mutator;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Stores whose files are almost good, with their checksums made good again: what is behind a
 * checksum is not to be trusted either.
 */
@Timeout(3600)
class StoreFuzzIT {
  private static final int CHUNK = 64 << 10;
  // The last chunk is shorter than the others.
  private static final int GUEST_BYTES = (1 << 20) + (16 << 10);
  private static final String NAME = "s";
  private static final int CHECKS_BYTES = 64;

  @TempDir private Path disk;

  private Path root;
  private final List<Path> files = new ArrayList<>();

  @BeforeEach
  void write() throws IOException {
    root = disk.resolve("store");
    LocalStore store = LocalStore.openOrCreate(root, CHUNK);
    try (GuestMemory guest = GuestMemory.allocate(GUEST_BYTES, PageSize.KIB_4)) {
      for (int i = 0; i < GUEST_BYTES / 8192; i++) {
        guest.write(new Gpa(i * 8192L), new byte[] {(byte) i, 1, 2});
      }
      try (ChunkedWriter writer = ChunkedWriter.begin(store, NAME, ChunkedWriter.Options.DEFAULT)) {
        Snapshots.write(writer, guest);
      }
    }
    files.add(root.resolve("store.json"));
    // The manifest decides most: it is drawn as often as all the others.
    try (Stream<Path> chunks = Files.walk(root.resolve("chunks"))) {
      chunks.filter(Files::isRegularFile).forEach(files::add);
    }
    for (int i = files.size(); i > 0; i--) {
      files.add(root.resolve("snapshots").resolve(NAME));
    }
  }

  @Test
  void aStoreIsReadOrRefused() throws Exception {
    Fuzz.of(StoreFuzzIT.class, 1_000)
        .refusedWith(SnapshotException.class)
        .run(
            random -> {
              Path file = files.get(random.nextInt(files.size()));
              byte[] good = Files.readAllBytes(file);
              Files.write(file, bad(file, good, random));
              try {
                restore(random);
              } catch (SyscallException e) {
                throw new AssertionError("the kernel was asked for it", e);
              } finally {
                Files.write(file, good);
              }
            });
  }

  @Test
  void aChunkThatIsGivenTwoLengthsIsRefused() throws Exception {
    Path manifest = root.resolve("snapshots").resolve(NAME);
    byte[] good = Files.readAllBytes(manifest);
    ChunkTable memory = ManifestFormat.decode(NAME, good).tables().get(2);
    int names = good.length - CHECKS_BYTES - memory.chunks() * ChunkName.BYTES;
    byte[] body = Arrays.copyOf(good, good.length - CHECKS_BYTES);
    System.arraycopy(
        good, good.length - CHECKS_BYTES - ChunkName.BYTES, body, names, ChunkName.BYTES);
    Files.write(manifest, withChecksum(body));

    try (ChunkedReader reader = ChunkedReader.open(LocalStore.open(root), NAME, null);
        SnapshotMemory loaded = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      loaded.bring(new MemoryRange(1 << 20, 4096));
      assertThrows(SnapshotException.class, () -> loaded.bring(new MemoryRange(CHUNK / 2, 4096)));
    }
  }

  private static byte[] withChecksum(byte[] body) throws Exception {
    byte[] manifest = Arrays.copyOf(body, body.length + CHECKS_BYTES);
    byte[] sum = MessageDigest.getInstance("SHA-256").digest(body);
    System.arraycopy(sum, 0, manifest, body.length, sum.length);
    return manifest;
  }

  private static byte[] bad(Path file, byte[] good, Random random) throws Exception {
    if (file.endsWith("store.json")) {
      return new JsonMutator(random).mutate(good);
    }
    Mutator mutator = new Mutator(random);
    boolean manifest = file.endsWith(NAME);
    boolean repair = random.nextInt(8) > 0;
    if (manifest && repair) {
      return withChecksum(mutator.mutate(Arrays.copyOf(good, good.length - CHECKS_BYTES)));
    }
    byte[] bad = mutator.mutate(good);
    if (repair && bad.length >= ChunkHeader.BYTES) {
      CRC32C crc = new CRC32C();
      crc.update(bad, 0, 28);
      crc.update(bad, ChunkHeader.BYTES, bad.length - ChunkHeader.BYTES);
      ByteBuffer.wrap(bad)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(24, bad.length - ChunkHeader.BYTES)
          .putInt(28, (int) crc.getValue());
    }
    return bad;
  }

  private void restore(Random random) throws IOException {
    LocalStore store = LocalStore.open(root);
    if (random.nextInt(4) == 0) {
      new StoreCheck(store, null, bytes -> {}).check(NAME);
      store.collect(true);
    }
    try (ChunkedReader reader = ChunkedReader.open(store, NAME, null);
        SnapshotMemory memory = SnapshotMemory.create(reader, PageSize.KIB_4)) {
      for (int i = 0; i < 8; i++) {
        memory.bring(new MemoryRange(random.nextInt(256) * 4096L, 4096));
      }
      memory.fill();
    }
  }
}
