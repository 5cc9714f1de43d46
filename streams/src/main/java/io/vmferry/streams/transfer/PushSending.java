package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.pages.ZeroPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The source's end of a push connection: sends the pages that were not served yet without being
 * asked, those behind the last demanded page first, pages of zeros without their bytes.
 *
 * <p>{@link #run} blocks its thread. Several connections share the bitmap and the order. Source:
 * docs/protocol.md#push.
 */
public final class PushSending {
  private static final long COUNTED_PAGE_BYTES = FaultServing.COUNTED_PAGE_BYTES;

  // One frame: long enough for large calls, short enough that the next demand soon turns the order.
  private static final long FRAME_BYTES = 512 << 10;
  private static final int MAX_RANGES = (int) (FRAME_BYTES / COUNTED_PAGE_BYTES);
  private static final int CALL_BYTES = 1 << 20;

  private final Connection connection;
  private final GuestMemory memory;
  private final GuestPages pages;
  private final PresentBitmap served;
  private final PushOrder order;
  private final boolean zeroRanges;
  private final Throttle throttle;
  private final SendProgress progress;
  private final long beatNanos;
  private final DataExtent extent = new DataExtent();
  private final OutgoingTable data;
  private final OutgoingTable zeros;

  /**
   * Pushes over a connection.
   *
   * @param connection behind its role header
   * @param memory memory of a guest that no longer runs here, no page missing
   * @param served from {@link FaultServing#servedPages}, shared with the serving of faults; a
   *     page's bit is set before it is pushed
   * @param order where to go on
   * @param agreed the migration's extensions, PUSH among them
   * @param throttle shared by all connections; demanded pages do not wait for it
   * @param silence within it the destination hears something, throttled or not, where HEARTBEAT was
   *     agreed
   * @param progress told of each frame, on the thread of {@link #run}
   */
  public PushSending(
      Connection connection,
      GuestMemory memory,
      PresentBitmap served,
      PushOrder order,
      Extensions agreed,
      Throttle throttle,
      Duration silence,
      SendProgress progress) {
    this.connection = connection;
    this.memory = memory;
    this.pages = new GuestPages(memory.regions(), COUNTED_PAGE_BYTES);
    this.served = served;
    this.order = order;
    this.zeroRanges = agreed.has(Extension.ZERO_RANGES);
    this.throttle = throttle;
    this.beatNanos =
        agreed.has(Extension.HEARTBEAT) ? Heartbeat.pause(silence).toNanos() : Long.MAX_VALUE;
    this.progress = progress;
    // One run may be split into as many ranges as a frame has pages.
    this.data = new OutgoingTable(2 * MAX_RANGES);
    this.zeros = new OutgoingTable(2 * MAX_RANGES);
  }

  /**
   * Pushes until no page is left, and says so.
   *
   * @throws IOException if the connection fails
   */
  public void run() throws IOException {
    while (collect()) {
      send();
      // Afterwards: a page that waited here, marked as served, would be demanded and sent twice.
      acquire(data.bytes());
    }
    send(Command.PUSHED);
  }

  private void send(Command command) throws IOException {
    ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    Request.of(command).encode(frame);
    connection.writeFully(frame.flip());
  }

  /**
   * Takes pages for one frame, as runs between those that were served: after a guest that jumped
   * about they are many and short.
   *
   * @return false if no page is left
   */
  private boolean collect() throws IOException {
    data.clear();
    zeros.clear();
    long left = framePages();
    long from = order.next();
    long first = nextUnserved(from);
    while (first >= 0 && left > 0 && Math.max(data.count(), zeros.count()) < MAX_RANGES) {
      long count = served.setRun(first, Math.min(left, pages.regionEnd(first) - first));
      if (count > 0) {
        add(pages.gpaOf(first).value(), count * COUNTED_PAGE_BYTES);
        left -= count;
        order.pushed(from, first + count);
      }
      from = order.next();
      first = nextUnserved(from);
    }
    return !data.isEmpty() || !zeros.isEmpty();
  }

  private long framePages() {
    return Math.max(FRAME_BYTES, memory.pageSize().bytes()) / COUNTED_PAGE_BYTES;
  }

  private long nextUnserved(long from) {
    long first = from < pages.count() ? served.nextClear(from) : -1;
    return first < 0 ? served.nextClear(0) : first;
  }

  private void add(long gpa, long bytes) throws IOException {
    if (zeroRanges) {
      split(gpa, bytes);
    } else {
      data.add(gpa, bytes);
    }
  }

  private void send() throws IOException {
    if (!zeros.isEmpty()) {
      ByteBuffer frame = zeros.frame(Request.memoryZero(zeros.count()));
      int wireBytes = frame.remaining();
      connection.writeFully(frame);
      progress.sent(zeros.bytes(), wireBytes);
    }
    if (!data.isEmpty()) {
      sendData();
      progress.sent(data.bytes(), data.bytes());
    }
  }

  /** Into ranges of zeros and ranges of other pages, of the guest's page size. */
  private void split(long gpa, long bytes) throws IOException {
    long unit = memory.pageSize().bytes();
    GuestRegion region = memory.regionAt(new Gpa(gpa), bytes);
    ByteBuffer window = memory.slice(new Gpa(gpa), (int) bytes);
    long inFile = region.fileOffset() + region.offsetOf(new Gpa(gpa));
    long start = 0;
    OutgoingTable current = data;
    for (long at = 0; at < bytes; at += unit) {
      // A hole is not looked at: that would allocate it.
      boolean zero =
          extent.isHole(region.memfd(), inFile + at, unit) || isZero(window, (int) at, unit);
      OutgoingTable next = zero ? zeros : data;
      if (next != current && at > start) {
        current.add(gpa + start, at - start);
        start = at;
      }
      current = next;
    }
    current.add(gpa + start, bytes - start);
  }

  private static boolean isZero(ByteBuffer window, int at, long unit) {
    for (int done = 0; done < unit; done += ZeroPages.PAGE_BYTES) {
      if (!ZeroPages.isZero(window, at + done)) {
        return false;
      }
    }
    return true;
  }

  private void acquire(long bytes) throws IOException {
    try {
      while (!throttle.acquire(bytes, beatNanos, () -> !connection.isOpen())) {
        send(Command.ALIVE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while throttled");
    }
  }

  private void sendData() throws IOException {
    List<ByteBuffer> call = new ArrayList<>();
    call.add(data.frame(Request.memory(data.count())));
    for (int i = 0; i < data.count(); i++) {
      for (long done = 0; done < data.length(i); done += CALL_BYTES) {
        int length = (int) Math.min(CALL_BYTES, data.length(i) - done);
        call.add(memory.slice(new Gpa(data.gpa(i) + done), length));
      }
    }
    connection.writeFully(call.toArray(new ByteBuffer[0]));
  }
}
