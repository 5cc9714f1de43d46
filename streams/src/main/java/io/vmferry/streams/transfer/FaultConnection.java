package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The destination's end of a fault connection: asks for pages and installs what comes.
 *
 * <p>A page that the guest waits for is requested at once, by the thread that read the fault. The
 * rest is fetched in the background, at most {@code window} requests at a time, so that a demanded
 * page never waits behind more than a window; background requests follow the last demanded page, as
 * guests walk through memory. A page is asked for once.
 *
 * <pre>
 * demand(gpa), any thread --- write ---&gt;  source
 * receiving thread        &lt;-- read ----  source, in the order of the requests
 *                         --- write ---&gt;  background requests as the window empties
 * </pre>
 *
 * <p>One thread receives, dedicated and outside any pool: this is the latency path. The requests in
 * flight are too few to fill a socket buffer, so writing from the receiving thread cannot deadlock.
 */
public final class FaultConnection implements AutoCloseable {
  private static final int REQUEST_BYTES = WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES;

  /** The largest window: its requests fit the smallest socket buffer. */
  public static final int MAX_WINDOW = 128;

  private static final long WINDOW_BYTES = 128 << 10;
  private static final int MIN_WINDOW = 2;

  private final Connection connection;
  private final GuestPages pages;
  private final PresentBitmap present;
  private final PageArrival arrival;
  private final int window;
  private final CompletableFuture<Void> finished = new CompletableFuture<>();
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);

  // Guards writing, and keeps the order of inFlight that of the requests on the wire.
  private final ReentrantLock sending = new ReentrantLock();
  private final ByteBuffer requests;
  private final PresentBitmap requested;
  private final Deque<Asked> inFlight = new ArrayDeque<>();
  private int backgroundInFlight;
  private long cursor;
  private boolean fillsInBackground;
  private volatile @Nullable IOException sendFailure;

  private record Asked(long page, boolean demanded) {}

  /**
   * Prepares the connection; {@link #start} starts it.
   *
   * @param connection behind its role header
   * @param pages the destination's pages, of the size that faults have
   * @param present the pages that are there; set here as pages are installed
   * @param arrival installs the pages
   * @param window background requests in flight, 1 to {@link #MAX_WINDOW}
   */
  public FaultConnection(
      Connection connection,
      GuestPages pages,
      PresentBitmap present,
      PageArrival arrival,
      int window) {
    if (window < 1 || window > MAX_WINDOW) {
      throw new IllegalArgumentException("window " + window + " is not 1 to " + MAX_WINDOW);
    }
    if (present.pages() != pages.count()) {
      throw new IllegalArgumentException("bitmap of another guest: " + present.pages() + " pages");
    }
    this.connection = connection;
    this.pages = pages;
    this.present = present;
    this.arrival = arrival;
    this.window = window;
    this.requested = present.copy();
    this.requests = ByteBuffer.allocateDirect(window * REQUEST_BYTES);
  }

  /**
   * A window for pages of that size: enough in flight to hide a short round trip, little enough
   * that a demanded page behind it is not late.
   */
  public static int defaultWindow(long pageBytes) {
    return (int) Math.max(MIN_WINDOW, WINDOW_BYTES / pageBytes);
  }

  /**
   * Starts receiving on a thread of this connection.
   *
   * @param threadName its name
   * @param inBackground whether to fetch pages that nobody demanded
   * @return {@link #finished}
   */
  public CompletionStage<Void> start(String threadName, boolean inBackground) {
    fillInBackground(inBackground);
    Thread receiver = new Thread(this::receive, threadName);
    receiver.setDaemon(true);
    receiver.start();
    return finished();
  }

  /**
   * Completes when every page is present; the connection is closed then, which tells the source.
   * Fails with {@link ProtocolException} if the source refuses a page or breaks the protocol, and
   * with another {@link IOException} if the connection fails or a page cannot be installed: the
   * pages in {@code present} are good, and the rest can be fetched over another connection.
   */
  public CompletionStage<Void> finished() {
    return finished.minimalCompletionStage();
  }

  /**
   * Asks for the page of an address now, ahead of all background pages that were not asked for yet.
   * Any thread. A failure ends up in {@link #finished}.
   *
   * @return whether a request was sent; false if the page is present or on its way
   * @throws IllegalArgumentException if the address is outside the guest's memory
   */
  public boolean demand(Gpa address) {
    long page = pages.indexOf(address.value());
    if (page == GuestPages.OUTSIDE) {
      throw new IllegalArgumentException("fault at " + address + " outside the guest's memory");
    }
    sending.lock();
    try {
      cursor = page + 1;
      if (finished.isDone() || !requested.set(page)) {
        return false;
      }
      requests.clear();
      add(page, true);
      connection.writeFully(requests.flip());
      return true;
    } catch (IOException e) {
      breakOff(e);
      return false;
    } finally {
      sending.unlock();
    }
  }

  /** Turns fetching in the background on or off; what is in flight still arrives. */
  public void fillInBackground(boolean on) {
    sending.lock();
    try {
      fillsInBackground = on;
      refill();
    } catch (IOException e) {
      breakOff(e);
    } finally {
      sending.unlock();
    }
  }

  /** Demanded pages that were asked for and have not come: what another connection asks first. */
  public List<Gpa> unanswered() {
    sending.lock();
    try {
      List<Gpa> waiting = new ArrayList<>();
      for (Asked asked : inFlight) {
        if (asked.demanded()) {
          waiting.add(pages.gpaOf(asked.page()));
        }
      }
      return waiting;
    } finally {
      sending.unlock();
    }
  }

  private void receive() {
    try (Mapping landing = Mapping.anonymous(pages.pageBytes())) {
      while (!present.isComplete()) {
        receiveOne(landing);
        sending.lock();
        try {
          refill();
        } finally {
          sending.unlock();
        }
      }
      connection.close();
      finished.complete(null);
    } catch (IOException | RuntimeException e) {
      connection.close();
      Exception first = sendFailure;
      finished.completeExceptionally(first != null ? first : e);
    }
  }

  private void receiveOne(Mapping landing) throws IOException {
    long offset = connection.bytesRead();
    if (!connection.readFullyOrEof(answer.clear())) {
      throw new ProtocolException(
              "the " + present.missing() + " pages still missing", "the end of the connection")
          .atOffset(offset);
    }
    Gpa page;
    Asked asked;
    Response response;
    try {
      response = Response.decode(answer.flip());
      WireLimits.checkPageAnswer(response, pages.pageBytes());
      asked = nextAsked();
      if (asked == null) {
        throw new ProtocolException("nothing, as no page was asked for", response.toString());
      }
      page = pages.gpaOf(asked.page());
      if (!response.isOk()) {
        throw new ProtocolException("the page at " + page, "status " + response.status());
      }
    } catch (ProtocolException e) {
      throw e.atOffset(offset);
    }
    if (response.length() == 0) {
      arrival.resume(page, pages.pageBytes());
    } else {
      ByteBuffer bytes = landing.slice(0, (int) pages.pageBytes());
      connection.readFully(bytes);
      arrival.copy(page, landing.address(), bytes.flip());
    }
    present.set(asked.page());
    arrived();
  }

  /** The request that this answer is for. It stays in flight until its page is installed. */
  private @Nullable Asked nextAsked() {
    sending.lock();
    try {
      return inFlight.peekFirst();
    } finally {
      sending.unlock();
    }
  }

  private void arrived() {
    sending.lock();
    try {
      if (!inFlight.removeFirst().demanded()) {
        backgroundInFlight--;
      }
    } finally {
      sending.unlock();
    }
  }

  /** Sends background requests once half of the window is free: fewer, larger writes. */
  private void refill() throws IOException {
    if (!fillsInBackground || finished.isDone() || backgroundInFlight > window / 2) {
      return;
    }
    requests.clear();
    while (backgroundInFlight < window) {
      long page = nextInBackground();
      if (page < 0) {
        break;
      }
      requested.set(page);
      backgroundInFlight++;
      add(page, false);
    }
    if (requests.position() > 0) {
      connection.writeFully(requests.flip());
    }
  }

  private long nextInBackground() {
    long page = requested.nextClear(cursor);
    if (page < 0 && cursor > 0) {
      page = requested.nextClear(0);
    }
    cursor = page + 1;
    return page;
  }

  private void add(long page, boolean demanded) {
    inFlight.addLast(new Asked(page, demanded));
    Request.pageFault().encode(requests);
    new MemoryRange(pages.gpaOf(page).value(), pages.pageBytes()).encode(requests);
  }

  /** Leaves it to the receiving thread, which the close ends, to report the failure. */
  private void breakOff(IOException cause) {
    if (sendFailure == null) {
      sendFailure = cause;
    }
    connection.close();
  }

  /** Closes the connection; {@link #finished} fails unless every page is present. Any thread. */
  @Override
  public void close() {
    connection.close();
  }
}
