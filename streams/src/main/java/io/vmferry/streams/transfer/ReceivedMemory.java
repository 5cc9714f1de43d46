package io.vmferry.streams.transfer;

/**
 * What one Memory or one of its extensions, or one connection's commands together, brought.
 *
 * @param bytes bytes of guest memory that came as bytes, compressed or not
 * @param ranges entries of the range tables
 */
public record ReceivedMemory(long bytes, long ranges) {
  /** Nothing yet. */
  public static final ReceivedMemory NOTHING = new ReceivedMemory(0, 0);

  /** The sum. */
  public ReceivedMemory plus(ReceivedMemory other) {
    return new ReceivedMemory(bytes + other.bytes, ranges + other.ranges);
  }
}
