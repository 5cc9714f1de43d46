package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.wire.WireLimits;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A manifest as a file. Numbers are little-endian, UUIDs and names of chunks are bytes in order.
 *
 * <pre>
 * offset size field
 *      0    4 magic, "VFSM"
 *      4    2 version, 1
 *      6    2 flags: bit 0 encrypted, bit 1 has a parent, the others 0
 *      8    4 chunk size in bytes
 *     12    4 number of tables
 *     16   16 generation, a UUID
 *     32   16 fingerprint of the key; zeros if not encrypted
 *     48   16 generation of the parent; zeros without one
 *     64    8 created, milliseconds since 1970
 *     72    8 data bytes
 *     80    8 stored bytes
 *     88    1 length of the name, n
 *     89    1 length of the parent's name, p; 0 without one
 *     90    n name, ASCII
 *   90+n    p parent's name, ASCII
 *           each table:
 *     +0    4 slot; -1 configuration, -2 state
 *     +4    8 length in bytes
 *    +12 32*c names of the chunks; zeros stand for a chunk of zeros
 *           at the end:
 *     +0   32 SHA-256 of everything before
 *    +32   32 HMAC-SHA256 of everything before, with the key's part for manifests; zeros if not
 *             encrypted
 * </pre>
 *
 * <p>Source: docs/snapshots.md#manifest.
 */
public final class ManifestFormat {
  /** The most bytes of a manifest. */
  public static final int MOST_BYTES = 256 << 20;

  /** The most chunks of one manifest: with chunks of 256 KiB almost 2 TiB of memory. */
  static final int MOST_CHUNKS = MOST_BYTES / ChunkName.BYTES - 4096;

  private static final int MAGIC = 0x4d534656;
  private static final short VERSION = 1;
  private static final int ENCRYPTED = 1;
  private static final int HAS_PARENT = 2;
  private static final int FIXED_BYTES = 90;
  private static final int TABLE_BYTES = 12;
  private static final int CHECK_BYTES = 32;
  private static final int SMALLEST_CHUNK = 4096;
  private static final int LARGEST_CHUNK = 16 << 20;
  private static final int MOST_TABLES = WireLimits.MEMORY_FDS + 2;

  private ManifestFormat() {}

  /** Whether chunks may have this size: a power of two from 4 KiB to 16 MiB. */
  public static boolean isChunkSize(int bytes) {
    return bytes >= SMALLEST_CHUNK && bytes <= LARGEST_CHUNK && Integer.bitCount(bytes) == 1;
  }

  /**
   * Writes a manifest.
   *
   * @param key what the snapshot is encrypted with, null if it is not
   * @throws SnapshotException if it has too many chunks
   */
  static byte[] encode(Manifest manifest, @Nullable StoreKey key) throws SnapshotException {
    byte[] name = manifest.name().getBytes(StandardCharsets.US_ASCII);
    Manifest.Parent parent = manifest.parent();
    byte[] parentName = (parent == null ? "" : parent.name()).getBytes(StandardCharsets.US_ASCII);
    ByteBuffer out = ByteBuffer.allocate(size(manifest, name.length + parentName.length));
    out.order(ByteOrder.LITTLE_ENDIAN).putInt(MAGIC).putShort(VERSION);
    out.putShort((short) ((key == null ? 0 : ENCRYPTED) | (parent == null ? 0 : HAS_PARENT)));
    out.putInt(manifest.chunkBytes()).putInt(manifest.tables().size());
    put(out, manifest.generation());
    String fingerprint = manifest.keyFingerprint();
    out.put(
        fingerprint == null
            ? new byte[StoreKey.FINGERPRINT_BYTES]
            : HexFormat.of().parseHex(fingerprint));
    put(out, parent == null ? new UUID(0, 0) : parent.generation());
    out.putLong(manifest.created().toEpochMilli());
    out.putLong(manifest.dataBytes()).putLong(manifest.storedBytes());
    out.put((byte) name.length).put((byte) parentName.length).put(name).put(parentName);
    for (ChunkTable table : manifest.tables()) {
      out.putInt(table.slot()).putLong(table.lengthBytes());
      out.order(ByteOrder.BIG_ENDIAN);
      for (int i = 0; i < table.chunks(); i++) {
        table.name(i).put(out);
      }
      out.order(ByteOrder.LITTLE_ENDIAN);
    }
    int end = out.position();
    out.put(ChunkDigest.sha256(out.array(), end));
    out.put(
        key == null
            ? new byte[CHECK_BYTES]
            : StoreKey.mac(key.manifests(), out.array(), end + CHECK_BYTES));
    return out.array();
  }

  private static int size(Manifest manifest, int nameBytes) throws SnapshotException {
    long bytes = FIXED_BYTES + nameBytes + 2L * CHECK_BYTES;
    for (ChunkTable table : manifest.tables()) {
      bytes += TABLE_BYTES + (long) table.chunks() * ChunkName.BYTES;
    }
    if (bytes > MOST_BYTES) {
      throw new SnapshotException(
          "The guest has too much memory for a snapshot with chunks of "
              + manifest.chunkBytes()
              + " bytes.");
    }
    return (int) bytes;
  }

  /**
   * Reads a manifest that is whole, without knowing who wrote it: to count what it needs or show
   * what it says, not to run a guest.
   *
   * @param name what the snapshot must be called
   * @throws SnapshotException if it is damaged, of another version or of another snapshot
   */
  public static Manifest decode(String name, byte[] file) throws SnapshotException {
    if (file.length < FIXED_BYTES + 2 * CHECK_BYTES) {
      throw bad(name, "is damaged: it is too short");
    }
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    if (in.getInt() != MAGIC) {
      throw bad(name, "is none");
    }
    int version = Short.toUnsignedInt(in.getShort());
    if (version != VERSION) {
      throw bad(name, "has version " + version + ", this program knows " + VERSION);
    }
    int end = file.length - 2 * CHECK_BYTES;
    byte[] sum = Arrays.copyOfRange(file, end, end + CHECK_BYTES);
    if (!MessageDigest.isEqual(sum, ChunkDigest.sha256(file, end))) {
      throw bad(name, "is damaged: its checksum does not match");
    }
    Manifest manifest;
    try {
      manifest = body(in.limit(end));
    } catch (BufferUnderflowException | IllegalArgumentException | NegativeArraySizeException e) {
      throw bad(name, "is damaged: it contradicts itself");
    }
    if (!manifest.name().equals(name)) {
      throw bad(name, "is that of snapshot " + manifest.name());
    }
    boolean hasMac = !allZero(file, end + CHECK_BYTES);
    if (in.hasRemaining() || hasMac != manifest.isEncrypted()) {
      throw bad(name, "is damaged: it contradicts itself");
    }
    return manifest;
  }

  /**
   * Reads a manifest that somebody with the key has written.
   *
   * @param key null for a snapshot that is not encrypted
   * @throws SnapshotException as {@link #decode(String, byte[])}; also if the key is not the one it
   *     was written with
   */
  public static Manifest decode(String name, byte[] file, @Nullable StoreKey key)
      throws SnapshotException {
    Manifest manifest = decode(name, file);
    if (key == null) {
      if (manifest.isEncrypted()) {
        throw new SnapshotException(
            "Snapshot " + name + " is encrypted: name the file of its key, --key-file.");
      }
      return manifest;
    }
    if (!manifest.isEncrypted()) {
      throw new SnapshotException(
          "Snapshot "
              + name
              + " is not encrypted, so a key cannot tell whether it is genuine:"
              + " leave the key away if it need not be.");
    }
    if (!key.fingerprint().equals(manifest.keyFingerprint())) {
      throw new SnapshotException(
          "Snapshot "
              + name
              + " is encrypted with key "
              + manifest.keyFingerprint()
              + ", and this is key "
              + key.fingerprint()
              + ".");
    }
    int end = file.length - CHECK_BYTES;
    if (!MessageDigest.isEqual(
        StoreKey.mac(key.manifests(), file, end), Arrays.copyOfRange(file, end, file.length))) {
      throw bad(name, "was changed by somebody without its key");
    }
    return manifest;
  }

  private static Manifest body(ByteBuffer in) {
    int flags = in.getShort();
    require((flags & ~(ENCRYPTED | HAS_PARENT)) == 0);
    final int chunkBytes = in.getInt();
    require(isChunkSize(chunkBytes));
    final int tables = in.getInt();
    require(tables >= 0 && tables <= MOST_TABLES);
    final UUID generation = uuid(in);
    byte[] fingerprint = new byte[StoreKey.FINGERPRINT_BYTES];
    in.get(fingerprint);
    final UUID parentGeneration = uuid(in);
    final Instant created = Instant.ofEpochMilli(in.getLong());
    final long dataBytes = in.getLong();
    final long storedBytes = in.getLong();
    byte[] name = new byte[in.get()];
    byte[] parentName = new byte[in.get()];
    in.get(name).get(parentName);
    boolean hasParent = (flags & HAS_PARENT) != 0;
    boolean encrypted = (flags & ENCRYPTED) != 0;
    require(hasParent == (parentName.length > 0));
    List<ChunkTable> all = new ArrayList<>();
    Set<Integer> slots = new HashSet<>();
    for (int i = 0; i < tables; i++) {
      ChunkTable table = table(in, chunkBytes);
      require(table.slot() >= ChunkTable.STATE && slots.add(table.slot()));
      all.add(table);
    }
    return new Manifest(
        SnapshotNames.check(ascii(name)),
        generation,
        created,
        hasParent ? new Manifest.Parent(ascii(parentName), parentGeneration) : null,
        encrypted ? HexFormat.of().formatHex(fingerprint) : null,
        chunkBytes,
        dataBytes,
        storedBytes,
        all);
  }

  private static ChunkTable table(ByteBuffer in, int chunkBytes) {
    int slot = in.getInt();
    long length = in.getLong();
    // Before anything is allocated for it.
    require(length >= 0);
    require(ChunkTable.chunks(length, chunkBytes) <= in.remaining() / ChunkName.BYTES);
    ChunkTable table = new ChunkTable(slot, length, chunkBytes);
    in.order(ByteOrder.BIG_ENDIAN);
    for (int i = 0; i < table.chunks(); i++) {
      table.set(i, ChunkName.get(in));
    }
    in.order(ByteOrder.LITTLE_ENDIAN);
    return table;
  }

  private static void require(boolean so) {
    if (!so) {
      throw new IllegalArgumentException();
    }
  }

  private static String ascii(byte[] text) {
    return new String(text, StandardCharsets.US_ASCII);
  }

  /** Appends an id to a little-endian buffer: a UUID is bytes in order. */
  static void put(ByteBuffer out, UUID id) {
    out.order(ByteOrder.BIG_ENDIAN);
    out.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
    out.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The id in the next 16 bytes of a little-endian buffer. */
  static UUID uuid(ByteBuffer in) {
    in.order(ByteOrder.BIG_ENDIAN);
    UUID id = new UUID(in.getLong(), in.getLong());
    in.order(ByteOrder.LITTLE_ENDIAN);
    return id;
  }

  private static boolean allZero(byte[] bytes, int from) {
    for (int i = from; i < bytes.length; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static SnapshotException bad(String name, String how) {
    return new SnapshotException("The manifest of snapshot " + name + " " + how + ".");
  }
}
