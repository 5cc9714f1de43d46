package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The answer to Missing: the pages that a destination still lacks, as a range table.
 *
 * <p>Source: docs/protocol.md#recovery.
 */
public final class MissingRanges {
  private static final int RANGES_A_WRITE = 16 << 10;

  private MissingRanges() {}

  /**
   * Answers with the pages whose bit is clear.
   *
   * @param pages what the bits stand for
   * @param present nobody sets bits meanwhile
   */
  static void write(Connection connection, GuestPages pages, PresentBitmap present)
      throws IOException {
    long ranges = 0;
    for (long first = present.nextClear(0); first >= 0; ranges++) {
      first = present.nextClear(endOfRun(pages, present, first));
    }
    ByteBuffer out =
        ByteBuffer.allocateDirect(RANGES_A_WRITE * WireFormat.RANGE_BYTES).order(WireFormat.ORDER);
    Response.payload(ranges * WireFormat.RANGE_BYTES).encode(out);
    for (long first = present.nextClear(0); first >= 0; ) {
      if (out.remaining() < WireFormat.RANGE_BYTES) {
        connection.writeFully(out.flip());
        out.clear();
      }
      long end = endOfRun(pages, present, first);
      MemoryRangeTable.append(pages.gpaOf(first).value(), (end - first) * pages.pageBytes(), out);
      first = present.nextClear(end);
    }
    connection.writeFully(out.flip());
  }

  private static long endOfRun(GuestPages pages, PresentBitmap present, long first) {
    long set = present.nextSet(first);
    long end = pages.regionEnd(first);
    return set < 0 ? end : Math.min(set, end);
  }

  /**
   * Reads the table behind an answer.
   *
   * @param lengthBytes what the answer announced
   * @param memory the guest's
   * @throws ProtocolException if it is none of this guest
   */
  public static DirtyPages read(Connection connection, long lengthBytes, GuestMemory memory)
      throws IOException {
    GuestPages pages = GuestPages.of(memory);
    long most = Math.min(pages.count() * WireFormat.RANGE_BYTES, WireLimits.RANGE_TABLE_BYTES);
    if (Long.compareUnsigned(lengthBytes, most) > 0) {
      throw new ProtocolException(
          "a table of at most " + most + " bytes",
          "one of " + Long.toUnsignedString(lengthBytes) + " bytes");
    }
    MemoryRangeTable table =
        MemoryRangeTable.decode(ByteBuffer.wrap(Payloads.read(connection, (int) lengthBytes)));
    List<PageRun> runs = new ArrayList<>(table.count());
    for (int i = 0; i < table.count(); i++) {
      if (!pages.areWhole(table.gpa(i), table.length(i))) {
        throw new ProtocolException(
            "whole pages inside one region of the guest's memory", table.range(i).toString());
      }
      runs.add(new PageRun(table.gpa(i), table.length(i)));
    }
    return DirtyPages.of(memory.regions(), runs.iterator());
  }
}
