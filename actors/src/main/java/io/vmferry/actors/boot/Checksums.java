package io.vmferry.actors.boot;

/** The checksum of firmware tables: all bytes together are 0 modulo 256. */
final class Checksums {
  private Checksums() {}

  /** What the checksum byte, now zero, must be in {@code bytes[from..to)}. */
  static byte complement(byte[] bytes, int from, int to) {
    byte sum = 0;
    for (int i = from; i < to; i++) {
      sum += bytes[i];
    }
    return (byte) -sum;
  }
}
