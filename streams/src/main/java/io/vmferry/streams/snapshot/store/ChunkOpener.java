package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.ProtocolException;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads chunks and makes sure that each is the one that its name says, whoever wrote what lies
 * there. One thread at a time.
 */
final class ChunkOpener implements AutoCloseable {
  private final ChunkFiles files;
  private final ChunkDigest digest;
  private final @Nullable ChunkCipher cipher;
  private final BlockCodec codec = BlockCodec.of(CompressionAlgorithm.ZSTD);
  private final ByteBuffer file;
  private final ByteBuffer decrypted;

  ChunkOpener(ChunkFiles files, @Nullable StoreKey key) {
    this.files = files;
    this.digest = new ChunkDigest(key);
    this.cipher = key == null ? null : new ChunkCipher(key);
    this.file = ByteBuffer.allocateDirect(ChunkHeader.mostBytes(files.chunkBytes()));
    this.decrypted = ByteBuffer.allocateDirect(files.chunkBytes() + ChunkHeader.TAG_BYTES);
  }

  /**
   * Reads a chunk.
   *
   * @param plain a direct buffer with exactly the chunk's length of room; its position stays. What
   *     is in it afterwards may be used only if this returns
   * @throws SnapshotException with the chunk named, if it is missing, damaged or another
   */
  void read(ChunkName name, ByteBuffer plain) throws IOException {
    files.read(name, file.clear());
    file.flip();
    ChunkHeader header = ChunkHeader.read(file, files.chunkBytes());
    if (header == null) {
      throw damaged(name, "its file is no whole chunk of this version");
    }
    if (header.plainBytes() != plain.remaining()) {
      throw damaged(
          name, "it has " + header.plainBytes() + " bytes instead of " + plain.remaining());
    }
    if (header.encrypted() != (cipher != null)) {
      throw damaged(name, header.encrypted() ? "it is encrypted" : "it is not encrypted");
    }
    ByteBuffer body = file.position(ChunkHeader.BYTES);
    if (cipher != null) {
      if (!cipher.decrypt(name, file, decrypted.clear())) {
        throw damaged(name, "it was not made with this key under this name");
      }
      body = decrypted.flip();
    }
    decode(name, header, body, plain);
    if (!digest.of(plain).equals(name)) {
      throw damaged(name, "its bytes do not have this digest");
    }
  }

  private void decode(ChunkName name, ChunkHeader header, ByteBuffer body, ByteBuffer plain)
      throws SnapshotException {
    if (header.compressed()) {
      try {
        codec.decompress(body, plain);
      } catch (ProtocolException e) {
        throw damaged(name, "it cannot be decompressed");
      }
    } else if (body.remaining() == plain.remaining()) {
      plain.duplicate().put(body);
    } else {
      throw damaged(name, "its body has " + body.remaining() + " bytes");
    }
  }

  private SnapshotException damaged(ChunkName name, String how) {
    return new SnapshotException(
        "Chunk " + name + " in store " + files.location() + " is damaged: " + how + ".");
  }

  @Override
  public void close() {
    codec.close();
  }
}
