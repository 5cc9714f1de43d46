package io.vmferry.streams.wire;

import io.vmferry.kvm.Gpa;
import java.nio.ByteBuffer;
import org.apache.pekko.util.ByteString;

/**
 * A piece of guest memory, {@link WireFormat#RANGE_BYTES} bytes on the wire.
 *
 * <p>The range does not reach beyond the 64-bit address space; whether a guest has memory there is
 * for the caller to check.
 *
 * @param gpa guest physical address of the first byte, unsigned
 * @param length bytes, unsigned
 */
public record MemoryRange(long gpa, long length) {

  /** Checks that the end does not wrap around. */
  public MemoryRange {
    if (wraps(gpa, length)) {
      throw new IllegalArgumentException("range " + text(gpa, length) + " wraps around");
    }
  }

  /** The address of the first byte. */
  public Gpa start() {
    return new Gpa(gpa);
  }

  /** The address after the last byte; 0 stands for 2^64. */
  public long end() {
    return gpa + length;
  }

  /** Appends the range; the buffer's byte order does not matter. */
  public void encode(ByteBuffer to) {
    Frames.append(frame(), to);
  }

  /** The range as bytes. */
  public ByteString encode() {
    return ByteString.fromByteBuffer(frame());
  }

  private ByteBuffer frame() {
    return Frames.blank(WireFormat.RANGE_BYTES)
        .putLong(WireFormat.RANGE_GPA, gpa)
        .putLong(WireFormat.RANGE_LENGTH, length);
  }

  /**
   * Takes one range; the buffer's byte order does not matter.
   *
   * @throws ProtocolException if it is cut short or wraps around
   */
  public static MemoryRange decode(ByteBuffer from) throws ProtocolException {
    ByteBuffer frame = Frames.take(from, WireFormat.RANGE_BYTES, "memory range");
    long gpa = frame.getLong(WireFormat.RANGE_GPA);
    long length = frame.getLong(WireFormat.RANGE_LENGTH);
    if (wraps(gpa, length)) {
      throw new ProtocolException("a range inside the 64-bit address space", text(gpa, length));
    }
    return new MemoryRange(gpa, length);
  }

  /**
   * Decodes exactly one range.
   *
   * @throws ProtocolException if it has another size or wraps around
   */
  public static MemoryRange decode(ByteString from) throws ProtocolException {
    return decode(Frames.exactly(from, WireFormat.RANGE_BYTES, "memory range"));
  }

  static boolean wraps(long gpa, long length) {
    long end = gpa + length;
    return end != 0 && Long.compareUnsigned(end, gpa) < 0;
  }

  static String text(long gpa, long length) {
    return "0x" + Long.toHexString(gpa) + "+0x" + Long.toHexString(length);
  }

  @Override
  public String toString() {
    return text(gpa, length);
  }
}
