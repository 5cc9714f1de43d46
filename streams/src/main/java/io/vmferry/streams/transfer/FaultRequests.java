package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What a fault connection asks for next, and what it has asked for: demanded pages first, then the
 * rest behind the page that was demanded last, each page once and no more at a time than the window
 * allows. Makes the frames; sends and receives nothing.
 *
 * <p>Any thread demands. One thread at a time makes frames, into a buffer that is good until it
 * makes the next. The receiving thread takes the oldest request as it is answered.
 */
final class FaultRequests {
  /** Not a page, but the request that ends the connection. */
  static final long END = -1;

  private static final int REQUEST_BYTES = WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES;
  private static final ByteBuffer DEMAND = header(Request.pageFault());

  private final GuestPages pages;
  private final int pageBytes;
  private final RequestWindow window;
  private final PresentBitmap requested;
  private final Queue<Long> demands = new ConcurrentLinkedQueue<>();
  private final InFlight inFlight = new InFlight();
  private final AtomicInteger backgroundInFlight = new AtomicInteger();
  private final ByteBuffer background;
  private final ByteBuffer frames;
  private volatile long cursor;

  /**
   * Nothing was asked for yet.
   *
   * @param present pages that nobody needs to ask for
   * @param agreed whether the source wants to know which pages nobody waits for
   */
  FaultRequests(GuestPages pages, PresentBitmap present, RequestWindow window, Extensions agreed) {
    this.pages = pages;
    this.pageBytes = Math.toIntExact(pages.pageBytes());
    this.window = window;
    this.requested = present.copy();
    this.background = agreed.has(Extension.PREFAULT) ? header(Request.prefault()) : DEMAND;
    this.frames = ByteBuffer.allocateDirect(RequestWindow.MAX_REQUESTS * REQUEST_BYTES);
    frames.order(WireFormat.ORDER);
  }

  private static ByteBuffer header(Request request) {
    ByteBuffer header = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    request.encode(header);
    return header.flip().asReadOnlyBuffer();
  }

  // Any thread.

  /** The background goes on behind this page. */
  void follow(long page) {
    cursor = page + 1;
  }

  /** Adds a page to the demands; false if it was asked for before. */
  boolean demand(long page) {
    if (!requested.set(page)) {
      return false;
    }
    demands.add(page);
    return true;
  }

  /** Whether {@link #demanded} has something to send. */
  boolean hasDemands() {
    return !demands.isEmpty() && inFlight.room() > 0;
  }

  /** Whether every request was answered. */
  boolean areAnswered() {
    return inFlight.isEmpty();
  }

  /** Whether half of the window is free: what is asked for then makes fewer, larger writes. */
  boolean isWindowHalfFree() {
    return backgroundInFlight.get() <= window.size() / 2;
  }

  /** Demanded pages that have not come, in their order; exact once the connection has ended. */
  List<Gpa> unanswered() {
    List<Gpa> all = new ArrayList<>();
    inFlight.eachDemanded(page -> all.add(pages.gpaOf(page)));
    demands.forEach(page -> all.add(pages.gpaOf(page)));
    return all;
  }

  // The thread that sends.

  /** Requests for demanded pages, as many as there is room for; may be empty. */
  ByteBuffer demanded() {
    frames.clear();
    while (frames.hasRemaining() && inFlight.room() > 0) {
      Long page = demands.poll();
      if (page == null) {
        break;
      }
      add(page, true);
    }
    return frames.flip();
  }

  /** Requests that fill the window; empty if it is full or every page was asked for. */
  ByteBuffer background() {
    frames.clear();
    while (backgroundInFlight.get() < window.size()
        && inFlight.room() > 0
        && frames.hasRemaining()) {
      long page = nextInBackground();
      if (page < 0) {
        break;
      }
      if (requested.set(page)) {
        backgroundInFlight.incrementAndGet();
        add(page, false);
      }
    }
    return frames.flip();
  }

  private long nextInBackground() {
    long from = Math.min(cursor, requested.pages());
    long page = requested.nextClear(from);
    if (page < 0 && from > 0) {
      page = requested.nextClear(0);
    }
    cursor = page + 1;
    return page;
  }

  private void add(long page, boolean demanded) {
    // The first of a write stands for all of them.
    inFlight.add(page, demanded, frames.position() == 0 ? System.nanoTime() : 0);
    frames.put((demanded ? DEMAND : background).duplicate());
    MemoryRangeTable.append(pages.gpaOf(page).value(), pageBytes, frames);
  }

  /** The request that ends the connection. */
  ByteBuffer end() {
    inFlight.add(END, false, 0);
    frames.clear();
    Request.filled().encode(frames);
    return frames.flip();
  }

  // The receiving thread.

  /** The page of the oldest request, or {@link #END}; there is one. */
  long oldest() {
    return inFlight.page();
  }

  /** Whether the guest waits for the oldest request's page. */
  boolean isOldestDemanded() {
    return inFlight.isDemanded();
  }

  /** Tells the window how long the answer to the oldest request took to come. */
  void measureOldest() {
    if (inFlight.sentNanos() != 0) {
      window.answered(System.nanoTime() - inFlight.sentNanos());
    }
  }

  /** The oldest request is answered, its page taken. */
  void takeOldest() {
    if (oldest() != END && !isOldestDemanded()) {
      backgroundInFlight.decrementAndGet();
    }
    inFlight.take();
  }
}
