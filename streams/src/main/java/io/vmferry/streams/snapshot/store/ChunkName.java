package io.vmferry.streams.snapshot.store;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * What a chunk is called: 32 bytes that follow from its plain bytes. All zeros is no name, but what
 * stands for a chunk of zeros.
 *
 * @param first bytes 0 to 7, as a big-endian number; the others follow
 */
public record ChunkName(long first, long second, long third, long fourth) {
  /** Bytes of a name. */
  public static final int BYTES = 32;

  /** Stands for a chunk of zeros, which is kept nowhere. */
  public static final ChunkName ZEROS = new ChunkName(0, 0, 0, 0);

  /** The name in the next 32 bytes of a big-endian buffer. */
  public static ChunkName get(ByteBuffer from) {
    return new ChunkName(from.getLong(), from.getLong(), from.getLong(), from.getLong());
  }

  /** The name that a digest is. */
  static ChunkName of(byte[] digest) {
    return get(ByteBuffer.wrap(digest));
  }

  /**
   * Reads 64 lower-case hex digits.
   *
   * @throws IllegalArgumentException if it is anything else
   */
  public static ChunkName parse(String hex) {
    if (!isOne(hex)) {
      throw new IllegalArgumentException("a chunk's name has 64 lower-case hex digits");
    }
    return of(HexFormat.of().parseHex(hex));
  }

  /** Whether a text is a name, as the file of a chunk is called. */
  public static boolean isOne(String text) {
    if (text.length() != 2 * BYTES) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      char digit = text.charAt(i);
      if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
        return false;
      }
    }
    return true;
  }

  /** Appends the name's bytes to a big-endian buffer. */
  public void put(ByteBuffer into) {
    into.putLong(first).putLong(second).putLong(third).putLong(fourth);
  }

  /** Whether it stands for a chunk of zeros. */
  public boolean isZeros() {
    return (first | second | third | fourth) == 0;
  }

  /** 64 hex digits. */
  @Override
  public String toString() {
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(first)
        + hex.toHexDigits(second)
        + hex.toHexDigits(third)
        + hex.toHexDigits(fourth);
  }
}
