package io.vmferry.streams.snapshot.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The head of a chunk's file. All numbers are little-endian.
 *
 * <pre>
 * offset size field
 *      0    4 magic, "VFCH"
 *      4    2 version, 1
 *      6    1 codec: 1 stored, 2 zstd
 *      7    1 flags: bit 0 encrypted, the others 0
 *      8    4 length of the plain bytes
 *     12   12 nonce; zeros if not encrypted
 *     24    4 length of the body, the 16 bytes of the authentication tag included
 *     28    4 CRC32C of bytes 0 to 27 and the body
 *     32    n body
 * </pre>
 *
 * <p>Source: docs/snapshots.md#chunk.
 *
 * @param compressed whether the body is a zstd frame
 * @param encrypted whether the body is encrypted, whatever is in it
 * @param plainBytes length of what the body stands for
 * @param bodyBytes length of the body
 */
public record ChunkHeader(boolean compressed, boolean encrypted, int plainBytes, int bodyBytes) {
  /** Bytes of the head. */
  public static final int BYTES = 32;

  static final int MAGIC = 0x48434656;
  static final short VERSION = 1;
  static final byte STORED = 1;
  static final byte ZSTD = 2;
  static final byte ENCRYPTED = 1;
  static final int NONCE_AT = 12;
  static final int NONCE_BYTES = 12;
  static final int TAG_BYTES = 16;
  private static final int CRC_AT = 28;

  /** The most bytes that a chunk's file has, of a store with chunks of so many plain bytes. */
  public static int mostBytes(int chunkBytes) {
    // A body that did not become shorter is stored as it is.
    return BYTES + chunkBytes + TAG_BYTES;
  }

  /** Writes the first 12 bytes, which an encrypted body is bound to, and clears the rest. */
  void begin(ByteBuffer file) {
    file.order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < BYTES; i++) {
      file.put(i, (byte) 0);
    }
    file.putInt(0, MAGIC)
        .putShort(4, VERSION)
        .put(6, compressed ? ZSTD : STORED)
        .put(7, encrypted ? ENCRYPTED : 0)
        .putInt(8, plainBytes);
  }

  /** Writes what is known once the body is behind the head; its limit is the body's end. */
  static void finish(ByteBuffer file) {
    file.putInt(24, file.limit() - BYTES);
    file.putInt(CRC_AT, crc(file));
  }

  /**
   * Reads and checks the head of a file, and that the body is what was written behind it. Who
   * wanted to damage it can have made that so: see {@link ChunkOpener}.
   *
   * @param file all of it, from 0 to its limit
   * @param mostPlainBytes the store's chunk size
   * @return null if it is no chunk, or damaged
   */
  public static @Nullable ChunkHeader read(ByteBuffer file, int mostPlainBytes) {
    file.order(ByteOrder.LITTLE_ENDIAN);
    if (file.limit() < BYTES
        || file.getInt(0) != MAGIC
        || file.getShort(4) != VERSION
        || file.getInt(24) != file.limit() - BYTES
        || file.getInt(CRC_AT) != crc(file)) {
      return null;
    }
    byte codec = file.get(6);
    byte flags = file.get(7);
    int plain = file.getInt(8);
    if ((codec != STORED && codec != ZSTD)
        || (flags & ~ENCRYPTED) != 0
        || plain <= 0
        || plain > mostPlainBytes) {
      return null;
    }
    return new ChunkHeader(codec == ZSTD, flags == ENCRYPTED, plain, file.limit() - BYTES);
  }

  private static int crc(ByteBuffer file) {
    CRC32C crc = new CRC32C();
    crc.update(file.duplicate().position(0).limit(CRC_AT));
    crc.update(file.duplicate().position(BYTES));
    return (int) crc.getValue();
  }
}
