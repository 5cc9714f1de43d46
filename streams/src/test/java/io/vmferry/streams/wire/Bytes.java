package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/** Frames as people write them: hex pairs with blanks. */
final class Bytes {
  private Bytes() {}

  static ByteBuffer of(String hex) {
    return ByteBuffer.wrap(HexFormat.of().parseHex(hex.replaceAll("\\s", "")));
  }

  static String hex(ByteBuffer bytes) {
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(bytes.position(), copy);
    return HexFormat.ofDelimiter(" ").formatHex(copy);
  }
}
