package io.vmferry.streams.wire;

/**
 * How the blocks of a MemoryCompressed are compressed; zero is none of them.
 *
 * <p>Source: docs/protocol.md#compressed-memory.
 */
public enum CompressionAlgorithm {
  /** Zstandard, one frame a block. */
  ZSTD(1),
  /** LZ4's block format, without a frame. */
  LZ4(2);

  private final int value;

  CompressionAlgorithm(int value) {
    this.value = value;
  }

  /** The u8 on the wire. */
  int value() {
    return value;
  }

  /**
   * The algorithm of a wire value.
   *
   * @throws ProtocolException if there is none
   */
  static CompressionAlgorithm of(int value) throws ProtocolException {
    return switch (value) {
      case 1 -> ZSTD;
      case 2 -> LZ4;
      default ->
          throw new ProtocolException(
              "compression algorithm zstd (1) or lz4 (2)", "algorithm " + value);
    };
  }
}
