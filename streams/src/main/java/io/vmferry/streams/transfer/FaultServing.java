package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/**
 * The source's end of a fault connection: answers each page fault from the memory of the guest,
 * which is paused for good, so the bytes do not change while they are sent.
 *
 * <p>A v0 destination only closes the connection at the end, and a dying one closes it too. So the
 * pages served are counted, each once: the end is believed when no page is missing
 * (docs/protocol.md known faults 2 and 3).
 *
 * <p>{@link #run} blocks its thread, which must be one of its own: this is the latency path. After
 * a broken connection a new instance with the same bitmap goes on.
 */
public final class FaultServing {
  /** The unit of counting, in bytes: a destination may ask in larger pages than the source has. */
  public static final long COUNTED_PAGE_BYTES = 4096;

  private static final int CALL_BYTES = 1 << 20;

  private final Connection connection;
  private final GuestMemory memory;
  private final GuestPages pages;
  private final PresentBitmap served;
  private final LongConsumer progress;
  private final ByteBuffer request =
      ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);

  /**
   * Serves a connection without telling how many bytes went.
   *
   * @see #FaultServing(Connection, GuestMemory, PresentBitmap, LongConsumer)
   */
  public FaultServing(Connection connection, GuestMemory memory, PresentBitmap served) {
    this(connection, memory, served, bytes -> {});
  }

  /**
   * Serves a connection.
   *
   * @param connection behind its role header
   * @param memory memory of a guest that no longer runs here, no page missing
   * @param served from {@link #servedPages}; may be read by others while this runs: its count is
   *     the number of 4 KiB pages served, each counted once
   * @param progress told the bytes of guest memory of each write, on the thread of {@link #run}; a
   *     page that is asked for twice counts twice
   */
  public FaultServing(
      Connection connection, GuestMemory memory, PresentBitmap served, LongConsumer progress) {
    this.connection = connection;
    this.memory = memory;
    this.pages = new GuestPages(memory.regions(), COUNTED_PAGE_BYTES);
    this.served = served;
    this.progress = progress;
    if (served.pages() != pages.count()) {
      throw new IllegalArgumentException("bitmap of another guest: " + served.pages() + " pages");
    }
  }

  /** A bitmap for the 4 KiB pages of a guest, none served yet. */
  public static PresentBitmap servedPages(GuestMemory memory) {
    return new PresentBitmap(memory.sizeBytes() / COUNTED_PAGE_BYTES);
  }

  /**
   * Answers until the destination closes the connection after it has got every page.
   *
   * @throws ProtocolException if a request is not one aligned page inside one region of the guest
   *     (an error was answered), or if the destination closes while pages are missing
   * @throws IOException if the connection fails. In every case the destination may run the guest:
   *     the source must keep its memory and must not resume
   */
  public void run() throws IOException {
    while (connection.readFullyOrEof(request.clear())) {
      MemoryRange page;
      try {
        page = decode();
      } catch (ProtocolException e) {
        refuse();
        throw e.atOffset(connection.bytesRead() - request.capacity());
      }
      send(page);
      served.set(pages.indexOf(page.gpa()), page.length() / COUNTED_PAGE_BYTES);
    }
    if (!served.isComplete()) {
      throw new ProtocolException(
              "requests for the " + served.missing() + " pages of 4 KiB not served yet",
              "the end of the fault connection")
          .atOffset(connection.bytesRead());
    }
  }

  private MemoryRange decode() throws ProtocolException {
    request.flip();
    Request header = Request.decode(request);
    if (header.command() != Command.PAGE_FAULT) {
      throw new ProtocolException("a PageFault on a fault connection", header.toString());
    }
    WireLimits.check(header);
    MemoryRange page = MemoryRange.decode(request);
    WireLimits.checkPage(page);
    if (memory.find(page.start(), page.length()) == null) {
      throw new ProtocolException(
          "a page inside one region of the guest's memory", page.toString());
    }
    return page;
  }

  private void send(MemoryRange page) throws IOException {
    answer.clear();
    Response.page(page.length()).encode(answer);
    int first = (int) Math.min(CALL_BYTES, page.length());
    connection.writeFully(answer.flip(), memory.slice(page.start(), first));
    progress.accept(first);
    for (long done = first; done < page.length(); done += CALL_BYTES) {
      int call = (int) Math.min(CALL_BYTES, page.length() - done);
      connection.writeFully(memory.slice(new Gpa(page.gpa() + done), call));
      progress.accept(call);
    }
  }

  private void refuse() throws IOException {
    answer.clear();
    Response.error().encode(answer);
    connection.writeFully(answer.flip());
  }
}
