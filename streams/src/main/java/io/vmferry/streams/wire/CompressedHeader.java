package io.vmferry.streams.wire;

import java.nio.ByteBuffer;

/**
 * What stands before the range table of a MemoryCompressed, {@link
 * WireFormat#COMPRESSED_HEADER_BYTES} bytes.
 *
 * @param algorithm how the blocks are compressed
 * @param blockBytes bytes of guest memory in every block but the last, positive
 */
public record CompressedHeader(CompressionAlgorithm algorithm, int blockBytes) {

  /** Appends the header; the buffer's byte order does not matter. */
  public void encode(ByteBuffer to) {
    Frames.append(
        Frames.blank(WireFormat.COMPRESSED_HEADER_BYTES)
            .put(WireFormat.COMPRESSED_ALGORITHM, (byte) algorithm.value())
            .putInt(WireFormat.COMPRESSED_BLOCK_BYTES, blockBytes),
        to);
  }

  /**
   * Takes one header; the buffer's byte order does not matter.
   *
   * @throws ProtocolException if it is cut short, names no algorithm, or its blocks are empty or
   *     larger than {@link WireLimits#COMPRESSED_BLOCK_BYTES}
   */
  public static CompressedHeader decode(ByteBuffer from) throws ProtocolException {
    ByteBuffer frame = Frames.take(from, WireFormat.COMPRESSED_HEADER_BYTES, "compressed header");
    CompressionAlgorithm algorithm =
        CompressionAlgorithm.of(Byte.toUnsignedInt(frame.get(WireFormat.COMPRESSED_ALGORITHM)));
    int blockBytes = frame.getInt(WireFormat.COMPRESSED_BLOCK_BYTES);
    if (blockBytes <= 0 || blockBytes > WireLimits.COMPRESSED_BLOCK_BYTES) {
      throw new ProtocolException(
          "blocks of 1 to " + WireLimits.COMPRESSED_BLOCK_BYTES + " bytes",
          "blocks of " + Integer.toUnsignedString(blockBytes));
    }
    return new CompressedHeader(algorithm, blockBytes);
  }
}
