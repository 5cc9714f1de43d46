package io.vmferry.streams.compression;

import io.vmferry.streams.wire.ProtocolException;
import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/** LZ4's fast compressor and the decompressor that checks its bounds; both without state. */
final class Lz4Codec implements BlockCodec {
  private static final LZ4Compressor COMPRESSOR = LZ4Factory.fastestInstance().fastCompressor();
  private static final LZ4SafeDecompressor DECOMPRESSOR =
      LZ4Factory.fastestInstance().safeDecompressor();

  @Override
  public int compress(ByteBuffer raw, ByteBuffer into) {
    return COMPRESSOR.compress(
        raw, raw.position(), raw.remaining(), into, into.position(), into.remaining());
  }

  @Override
  public void decompress(ByteBuffer compressed, ByteBuffer raw) throws ProtocolException {
    String came;
    try {
      int length =
          DECOMPRESSOR.decompress(
              compressed,
              compressed.position(),
              compressed.remaining(),
              raw,
              raw.position(),
              raw.remaining());
      if (length == raw.remaining()) {
        return;
      }
      came = length + " bytes";
    } catch (LZ4Exception e) {
      came = "a broken one (" + e.getMessage() + ")";
    }
    throw new ProtocolException("an lz4 block of " + raw.remaining() + " bytes", came);
  }

  @Override
  public void close() {}
}
