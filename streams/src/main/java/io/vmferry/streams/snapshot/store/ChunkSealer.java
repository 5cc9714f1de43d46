package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.wire.CompressionAlgorithm;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Makes the files of chunks out of their plain bytes. One thread at a time. */
final class ChunkSealer implements AutoCloseable {
  // Less than a sixteenth saved is not worth decoding it for ever after.
  private static final int WORTH = 16;

  private final @Nullable BlockCodec codec;
  private final @Nullable ChunkCipher cipher;
  private final ByteBuffer compressed;
  private final ByteBuffer file;

  ChunkSealer(int chunkBytes, boolean compress, @Nullable StoreKey key) {
    this.codec = compress ? BlockCodec.of(CompressionAlgorithm.ZSTD) : null;
    this.cipher = key == null ? null : new ChunkCipher(key);
    this.compressed = ByteBuffer.allocateDirect(BlockCodec.bound(chunkBytes));
    this.file = ByteBuffer.allocateDirect(ChunkHeader.mostBytes(chunkBytes));
  }

  /**
   * Makes a file.
   *
   * @param plain a direct buffer; its position stays
   * @return the whole file, valid until the next call
   */
  ByteBuffer seal(ChunkName name, ByteBuffer plain) {
    int shorter = compress(plain);
    ByteBuffer body = shorter > 0 ? compressed.limit(shorter) : plain;
    new ChunkHeader(shorter > 0, cipher != null, plain.remaining(), 0).begin(file.clear());
    file.position(ChunkHeader.BYTES);
    if (cipher != null) {
      cipher.encrypt(name, body, file);
    } else {
      file.put(body.duplicate());
    }
    ChunkHeader.finish(file.flip());
    return file;
  }

  /** Bytes of the compressed form, 0 if it is not worth it. */
  private int compress(ByteBuffer plain) {
    if (codec == null) {
      return 0;
    }
    int length = codec.compress(plain, compressed.clear());
    return length < plain.remaining() - plain.remaining() / WORTH ? length : 0;
  }

  @Override
  public void close() {
    if (codec != null) {
      codec.close();
    }
  }
}
