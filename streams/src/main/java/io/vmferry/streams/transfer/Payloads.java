package io.vmferry.streams.transfer;

import io.vmferry.streams.transport.Connection;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Payloads that are kept: they are allocated as their bytes arrive. */
final class Payloads {
  // A peer that only claims a length costs this much; a peer that sends pays for what it gets.
  private static final int FIRST_BYTES = 64 * 1024;

  private Payloads() {}

  /**
   * Reads a payload.
   *
   * @param lengthBytes checked against the limit of its command
   * @return a heap buffer, ready to read
   */
  static ByteBuffer read(Connection connection, int lengthBytes) throws IOException {
    ByteBuffer payload = ByteBuffer.allocate(Math.min(lengthBytes, FIRST_BYTES));
    while (true) {
      connection.readFully(payload);
      if (payload.position() == lengthBytes) {
        return payload.flip();
      }
      int grown = (int) Math.min(lengthBytes, 2L * payload.capacity());
      payload = ByteBuffer.allocate(grown).put(payload.flip());
    }
  }
}
