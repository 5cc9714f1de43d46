package io.vmferry.streams.compression;

import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.ProtocolException;
import java.nio.ByteBuffer;

/**
 * One algorithm with its native state. Direct buffers only, from position to limit. One thread at a
 * time.
 */
public interface BlockCodec extends AutoCloseable {

  /** A codec of the algorithm. */
  static BlockCodec of(CompressionAlgorithm algorithm) {
    return switch (algorithm) {
      case ZSTD -> new ZstdCodec();
      case LZ4 -> new Lz4Codec();
    };
  }

  /** Uses every algorithm once: what they unpack for that is loaded afterwards, and removed. */
  static void load() {
    for (CompressionAlgorithm algorithm : CompressionAlgorithm.values()) {
      try (BlockCodec codec = of(algorithm)) {
        ByteBuffer one = ByteBuffer.allocateDirect(1);
        int unused = codec.compress(one, ByteBuffer.allocateDirect(bound(1)));
      }
    }
    UnpackedLibraries.remove();
  }

  /** Room that the compressed form of any so many bytes fits in. */
  static int bound(int rawBytes) {
    // Above either library's own: n + n / 255 + 16, and n + n / 256 + 64.
    return rawBytes + rawBytes / 128 + 128;
  }

  /**
   * Compresses a block that nobody changes meanwhile.
   *
   * @param raw the block; its position stays
   * @param into room for {@link #bound} bytes; its position stays
   * @return bytes written from {@code into}'s position on
   */
  int compress(ByteBuffer raw, ByteBuffer into);

  /**
   * Decompresses a block of known length from a peer that may send anything.
   *
   * @param compressed the block; its position stays
   * @param raw exactly the room that the block must fill; its position stays
   * @throws ProtocolException if it is damaged, or has fewer or more bytes than that
   */
  void decompress(ByteBuffer compressed, ByteBuffer raw) throws ProtocolException;

  /** Frees the native state. */
  @Override
  void close();
}
