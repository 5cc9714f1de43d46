package io.vmferry.streams.wire;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The range table of one Memory command, read in place: the ranges stay in the buffer they came in,
 * so a table of a million ranges costs no objects.
 *
 * <p>No range wraps around and the sum of the lengths fits 63 bits; whether the guest has memory
 * there is for the caller to check. Keeps the buffer's content by reference: do not reuse the
 * buffer while the table is in use.
 */
public final class MemoryRangeTable {
  private final ByteBuffer entries;
  private final int count;
  private final long totalBytes;

  private MemoryRangeTable(ByteBuffer entries, int count, long totalBytes) {
    this.entries = entries;
    this.count = count;
    this.totalBytes = totalBytes;
  }

  /**
   * Takes the whole rest of a buffer as a table.
   *
   * @throws ProtocolException if that is not a whole number of ranges, a range wraps around, or the
   *     lengths add up to more than 63 bits hold
   */
  public static MemoryRangeTable decode(ByteBuffer from) throws ProtocolException {
    if (from.remaining() % WireFormat.RANGE_BYTES != 0) {
      throw new ProtocolException(
          "a range table of a multiple of 16 bytes", from.remaining() + " bytes");
    }
    int count = from.remaining() / WireFormat.RANGE_BYTES;
    ByteBuffer entries = from.slice().order(WireFormat.ORDER);
    from.position(from.limit());
    long total = 0;
    for (int i = 0; i < count; i++) {
      long gpa = entries.getLong(i * WireFormat.RANGE_BYTES + WireFormat.RANGE_GPA);
      long length = entries.getLong(i * WireFormat.RANGE_BYTES + WireFormat.RANGE_LENGTH);
      if (MemoryRange.wraps(gpa, length)) {
        throw new ProtocolException(
            "a range inside the 64-bit address space", MemoryRange.text(gpa, length));
      }
      if (length < 0 || total + length < 0) {
        throw new ProtocolException("ranges of less than 2^63 bytes together", "more");
      }
      total += length;
    }
    return new MemoryRangeTable(entries, count, total);
  }

  /** Appends the ranges in order. */
  public static void encode(List<MemoryRange> ranges, ByteBuffer to) {
    for (MemoryRange range : ranges) {
      range.encode(to);
    }
  }

  /** Appends one range without making an object for it. */
  public static void append(long gpa, long lengthBytes, ByteBuffer to) {
    boolean little = to.order() == WireFormat.ORDER;
    to.putLong(little ? gpa : Long.reverseBytes(gpa));
    to.putLong(little ? lengthBytes : Long.reverseBytes(lengthBytes));
  }

  /** How many ranges. */
  public int count() {
    return count;
  }

  /** Address of the first byte of range {@code i}. */
  public long gpa(int i) {
    return entries.getLong(offset(i) + WireFormat.RANGE_GPA);
  }

  /** Bytes of range {@code i}. */
  public long length(int i) {
    return entries.getLong(offset(i) + WireFormat.RANGE_LENGTH);
  }

  /** Range {@code i}. */
  public MemoryRange range(int i) {
    return new MemoryRange(gpa(i), length(i));
  }

  /** Bytes of guest memory that follow the table on the wire. */
  public long totalBytes() {
    return totalBytes;
  }

  /** All ranges, copied. */
  public List<MemoryRange> ranges() {
    List<MemoryRange> all = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      all.add(range(i));
    }
    return List.copyOf(all);
  }

  private int offset(int i) {
    if (i < 0 || i >= count) {
      throw new IndexOutOfBoundsException("range " + i + " of " + count);
    }
    return i * WireFormat.RANGE_BYTES;
  }
}
