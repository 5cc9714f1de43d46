package io.vmferry.streams.transfer;

import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.nio.ByteBuffer;

/**
 * A range table being made in the buffer it is sent from, the header before it: ranges cost no
 * objects.
 */
final class OutgoingTable {
  // A compressed header fits between; a request without one is written right before the table.
  private static final int FIRST = WireFormat.REQUEST_BYTES + WireFormat.COMPRESSED_HEADER_BYTES;

  private final ByteBuffer frame;
  private int count;
  private long bytes;

  /**
   * @param maxRanges as many as can ever be added
   */
  OutgoingTable(int maxRanges) {
    this.frame =
        ByteBuffer.allocateDirect(FIRST + maxRanges * WireFormat.RANGE_BYTES)
            .order(WireFormat.ORDER);
    clear();
  }

  void clear() {
    frame.clear().position(FIRST);
    count = 0;
    bytes = 0;
  }

  void add(long gpa, long lengthBytes) {
    MemoryRangeTable.append(gpa, lengthBytes, frame);
    count++;
    bytes += lengthBytes;
  }

  boolean isEmpty() {
    return count == 0;
  }

  int count() {
    return count;
  }

  /** The sum of the lengths. */
  long bytes() {
    return bytes;
  }

  long gpa(int i) {
    return frame.getLong(FIRST + i * WireFormat.RANGE_BYTES);
  }

  long length(int i) {
    return frame.getLong(FIRST + i * WireFormat.RANGE_BYTES + Long.BYTES);
  }

  /** Header and table, to be sent. The table takes no more ranges until it is cleared. */
  ByteBuffer frame(Request header) {
    return frame(header, WireFormat.COMPRESSED_HEADER_BYTES);
  }

  /** As {@link #frame(Request)}, for MemoryCompressed. */
  ByteBuffer frame(Request header, CompressedHeader how) {
    frame.flip().position(WireFormat.REQUEST_BYTES);
    how.encode(frame);
    frame.position(frame.limit());
    return frame(header, 0);
  }

  private ByteBuffer frame(Request header, int start) {
    frame.flip().position(start);
    header.encode(frame);
    return frame.position(start);
  }
}
