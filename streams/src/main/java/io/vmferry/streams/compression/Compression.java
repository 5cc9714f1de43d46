package io.vmferry.streams.compression;

/** What a user wants of compression; only where the destination takes it. */
public enum Compression {
  /** Whatever is fastest on this link, measured again and again; often nothing. */
  AUTO,
  /** Every chunk with Zstandard. */
  ZSTD,
  /** Every chunk with LZ4. */
  LZ4,
  /** None. */
  OFF
}
