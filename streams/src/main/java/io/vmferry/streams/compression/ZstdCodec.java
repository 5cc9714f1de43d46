package io.vmferry.streams.compression;

import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.vmferry.streams.wire.ProtocolException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Zstandard at its fastest positive level; either direction's state is made when it is needed. */
final class ZstdCodec implements BlockCodec {
  private static final int LEVEL = 1;

  private @Nullable ZstdCompressCtx compressor;
  private @Nullable ZstdDecompressCtx decompressor;

  @Override
  public int compress(ByteBuffer raw, ByteBuffer into) {
    ZstdCompressCtx context = compressor;
    if (context == null) {
      context = new ZstdCompressCtx();
      context.setLevel(LEVEL);
      compressor = context;
    }
    return context.compressDirectByteBuffer(
        into, into.position(), into.remaining(), raw, raw.position(), raw.remaining());
  }

  @Override
  public void decompress(ByteBuffer compressed, ByteBuffer raw) throws ProtocolException {
    ZstdDecompressCtx context = decompressor;
    if (context == null) {
      context = new ZstdDecompressCtx();
      decompressor = context;
    }
    String came;
    try {
      // Invariant: the target's size bounds what is written, whatever the frame claims.
      int length =
          context.decompressDirectByteBuffer(
              raw,
              raw.position(),
              raw.remaining(),
              compressed,
              compressed.position(),
              compressed.remaining());
      if (length == raw.remaining()) {
        return;
      }
      came = length + " bytes";
    } catch (ZstdException e) {
      came = "a broken one (" + e.getMessage() + ")";
    }
    throw new ProtocolException("a zstd block of " + raw.remaining() + " bytes", came);
  }

  @Override
  public void close() {
    if (compressor != null) {
      compressor.close();
    }
    if (decompressor != null) {
      decompressor.close();
    }
  }
}
