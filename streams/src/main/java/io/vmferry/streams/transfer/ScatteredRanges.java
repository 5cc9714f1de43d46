package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.MemoryRangeTable;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Receives ranges that are too short for a call each: many at once into a buffer that stays in the
 * cache, and from there each to its place in the memory's file. Written so, a page that does not
 * exist yet is made alone; touched through the mapping it would bring the 2 MiB around it.
 *
 * <p>One thread at a time.
 */
final class ScatteredRanges {
  /** A longer range is worth a call of its own, straight into the mapping. */
  static final long SHORT_BYTES = 64 << 10;

  private static final int BUFFER_BYTES = 1 << 20;

  private final GuestMemory memory;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);

  ScatteredRanges(GuestMemory memory) {
    this.memory = memory;
  }

  /**
   * Whether a memory has pages that can be written alone: files of hugepages have no write call.
   */
  static boolean suit(GuestMemory memory) {
    return !memory.pageSize().isHuge();
  }

  /**
   * Receives the bytes of the short ranges from one of them on, as many as the buffer holds.
   *
   * @param table checked against the memory
   * @param first a short range
   * @return how many ranges were received
   */
  int receive(Connection connection, MemoryRangeTable table, int first) throws IOException {
    long bytes = 0;
    int end = first;
    while (end < table.count()
        && table.length(end) < SHORT_BYTES
        && bytes + table.length(end) <= BUFFER_BYTES) {
      bytes += table.length(end);
      end++;
    }
    connection.readFully(buffer.clear().limit((int) bytes));
    int at = 0;
    for (int i = first; i < end; i++) {
      Gpa gpa = new Gpa(table.gpa(i));
      GuestRegion region = memory.regionAt(gpa, table.length(i));
      buffer.limit(at + (int) table.length(i)).position(at);
      region.memfd().writeAt(region.fileOffset() + region.offsetOf(gpa), buffer);
      at = buffer.limit();
    }
    return end - first;
  }

  /** Bytes of the last {@link #receive}. */
  int received() {
    return buffer.limit();
  }
}
