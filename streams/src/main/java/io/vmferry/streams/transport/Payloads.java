package io.vmferry.streams.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Reads payloads whose length a peer claimed: memory grows with the bytes that have arrived, at
 * most to twice as much, so that a claim costs nothing here.
 */
public final class Payloads {
  private static final int FIRST_BYTES = 64 << 10;

  private Payloads() {}

  /**
   * Reads a payload.
   *
   * @param lengthBytes as {@code WireLimits.check} returned it
   * @return exactly so many bytes
   * @throws java.io.EOFException if the peer closes first
   * @throws IOException as {@link Connection#readFully}
   */
  public static byte[] read(Connection connection, int lengthBytes) throws IOException {
    byte[] bytes = new byte[Math.min(lengthBytes, FIRST_BYTES)];
    int filled = 0;
    while (true) {
      connection.readFully(ByteBuffer.wrap(bytes, filled, bytes.length - filled));
      filled = bytes.length;
      if (filled == lengthBytes) {
        return bytes;
      }
      bytes = Arrays.copyOf(bytes, (int) Math.min(lengthBytes, filled * 2L));
    }
  }
}
