package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;

/**
 * The destination's end of a push connection: takes the pages that the source sends unasked. Bytes
 * go from the socket to where they belong in one copy; those of pages that came another way are
 * dropped.
 *
 * <p>{@link #run} blocks its thread. Source: docs/protocol.md#push.
 */
final class PushReceiving {
  private static final int MAX_CALL_BYTES = 1 << 20;
  private static final int MIN_CALL_BYTES = 16 << 10;
  // A page that is demanded while it is claimed here waits for the rest of the call.
  private static final long CALL_NANOS = TimeUnit.MICROSECONDS.toNanos(500);

  private final Connection connection;
  private final GuestMemory memory;
  private final ArrivingPages arriving;
  private final GuestPages pages;
  private final Extensions agreed;
  private final ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
  private final ByteBuffer dropped = ByteBuffer.allocateDirect(MIN_CALL_BYTES);
  private int callBytes = MIN_CALL_BYTES;

  /**
   * @param connection behind its role header
   * @param memory the memory that {@code arriving} is about
   * @param agreed the migration's extensions, PUSH among them
   */
  PushReceiving(
      Connection connection, GuestMemory memory, ArrivingPages arriving, Extensions agreed) {
    this.connection = connection;
    this.memory = memory;
    this.arriving = arriving;
    this.pages = arriving.pages();
    this.agreed = agreed;
  }

  /**
   * Takes pages until the source says that it has pushed all.
   *
   * @throws ProtocolException if anything but whole pages of the guest comes, or the connection
   *     ends before
   * @throws IOException if the connection fails or a page cannot be installed
   */
  void run() throws IOException {
    while (true) {
      Request request = MemoryReceiver.readRequest(connection, header, agreed);
      if (request == null) {
        throw new ProtocolException("the rest of the pushed pages", "the end of the connection")
            .atOffset(connection.bytesRead());
      }
      if (!ConnectionRole.PUSH.carries(request.command())) {
        throw new ProtocolException("pages on a push connection", request.toString())
            .atOffset(connection.bytesRead() - WireFormat.REQUEST_BYTES);
      }
      if (request.command() == Command.PUSHED) {
        WireLimits.check(request);
        return;
      }
      if (request.command() == Command.ALIVE) {
        WireLimits.check(request);
        continue; // no page may be sent now
      }
      MemoryRangeTable table = table(request);
      for (int i = 0; i < table.count(); i++) {
        long first = pages.indexOf(table.gpa(i));
        long end = first + table.length(i) / pages.pageBytes();
        if (request.command() == Command.MEMORY_ZERO) {
          takeZeros(first, end);
        } else {
          take(first, end);
        }
      }
    }
  }

  private MemoryRangeTable table(Request request) throws IOException {
    long offset = connection.bytesRead();
    try {
      int bytes = WireLimits.checkTable(request, memory.sizeBytes());
      MemoryRangeTable table =
          MemoryRangeTable.decode(ByteBuffer.wrap(Payloads.read(connection, bytes)));
      for (int i = 0; i < table.count(); i++) {
        check(table.gpa(i), table.length(i));
      }
      return table;
    } catch (ProtocolException e) {
      throw e.atOffset(offset);
    }
  }

  private void check(long gpa, long length) throws ProtocolException {
    if (!pages.areWhole(gpa, length)) {
      throw new ProtocolException(
          "whole pages inside one region of the guest's memory",
          new MemoryRange(gpa, length).toString());
    }
  }

  private void takeZeros(long first, long end) throws IOException {
    for (long page = first; page < end; ) {
      long mine = arriving.claim(page, end - page);
      if (mine > 0) {
        arriving.arrivedZero(page, mine);
      }
      page += Math.max(1, mine);
    }
  }

  private void take(long first, long end) throws IOException {
    for (long page = first; page < end; ) {
      long most = Math.max(1, callBytes / pages.pageBytes());
      long mine = arriving.claim(page, Math.min(most, end - page));
      if (mine > 0) {
        read(page, mine);
        arriving.arrived(page, mine);
      } else {
        drop(pages.pageBytes());
      }
      page += Math.max(1, mine);
    }
  }

  private void read(long first, long count) throws IOException {
    long bytes = count * pages.pageBytes();
    for (long done = 0; done < bytes; ) {
      int call = (int) Math.min(callBytes, bytes - done);
      long start = System.nanoTime();
      connection.readFully(arriving.target(first, done, call));
      adapt(call, System.nanoTime() - start);
      done += call;
    }
  }

  /** Large calls on a fast link, short claims on a slow one. */
  private void adapt(int call, long nanos) {
    if (nanos > CALL_NANOS) {
      callBytes = Math.max(MIN_CALL_BYTES, callBytes / 2);
    } else if (call == callBytes) {
      callBytes = Math.min(MAX_CALL_BYTES, callBytes * 2);
    }
  }

  private void drop(long bytes) throws IOException {
    for (long done = 0; done < bytes; done += dropped.capacity()) {
      connection.readFully(dropped.clear().limit((int) Math.min(dropped.capacity(), bytes - done)));
    }
  }
}
