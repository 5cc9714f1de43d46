package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import java.security.SecureRandom;

/**
 * Names one migration between its two sides: random, so that nobody else can take it up. It appears
 * in no log.
 *
 * @param high the first 8 bytes on the wire
 * @param low the last 8
 */
public record MigrationKey(long high, long low) {
  private static final SecureRandom RANDOM = new SecureRandom();

  /** A new one. */
  public static MigrationKey random() {
    return new MigrationKey(RANDOM.nextLong(), RANDOM.nextLong());
  }

  /**
   * Takes the payload of Identify, {@link WireFormat#KEY_BYTES} bytes.
   *
   * @throws ProtocolException if it is cut short
   */
  public static MigrationKey decode(ByteBuffer from) throws ProtocolException {
    ByteBuffer key = Frames.take(from, WireFormat.KEY_BYTES, "migration key");
    return new MigrationKey(key.getLong(0), key.getLong(Long.BYTES));
  }

  /** Appends the payload of Identify. */
  public void encode(ByteBuffer to) {
    Frames.append(Frames.blank(WireFormat.KEY_BYTES).putLong(0, high).putLong(Long.BYTES, low), to);
  }

  /** Tells nothing of the key. */
  @Override
  public String toString() {
    return "MigrationKey";
  }
}
