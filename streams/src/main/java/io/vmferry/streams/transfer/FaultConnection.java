package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.ThreadPriority;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The destination's end of a fault connection: asks for pages and takes what comes.
 *
 * <p>A page that the guest waits for is requested at once, by the thread that read the fault. The
 * rest is fetched in the background, as many requests at a time as {@link RequestWindow} allows, so
 * that a demanded page never waits long behind them; background requests follow the last demanded
 * page, as guests walk through memory. A page is asked for once.
 *
 * <pre>
 * demand(gpa), any thread --- write ---&gt;  source
 * receiving thread        &lt;-- read ----  source, in the order of the requests
 *                         --- write ---&gt;  background requests as the window empties
 * </pre>
 *
 * <p>One thread receives, dedicated and outside any pool: this is the latency path. No thread waits
 * for another to send: who finds somebody sending leaves its request, and that one sends it too.
 * The requests in flight are too few to fill a socket buffer, so writing from the receiving thread
 * cannot deadlock.
 */
public final class FaultConnection implements AutoCloseable {
  private static final int REQUEST_BYTES = WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES;
  private static final ByteBuffer HEADER = header();

  // Stays in the cache, and holds enough answers that a call costs little for each.
  private static final int HOT_BYTES = 256 << 10;
  // Larger pages are read to where they belong; only their headers come through the buffer.
  private static final int SMALL_PAGE_BYTES = 64 << 10;
  private static final int CALL_BYTES = 1 << 20;
  // In InFlight: not a page, but the request that ends the connection.
  private static final long END = -1;

  private final Connection connection;
  private final ArrivingPages arriving;
  private final RequestWindow window;
  private final boolean explicitEnd;
  private final int pageBytes;
  private final CompletableFuture<Void> finished = new CompletableFuture<>();

  // The receiving thread's.
  private final ByteBuffer hot;
  private final long hotAddress;
  private long runFirst;
  private long runCount;
  private boolean ended;
  private @Nullable Thread receiver;

  private final PresentBitmap requested;
  private final Queue<Long> demands = new ConcurrentLinkedQueue<>();
  private final InFlight inFlight = new InFlight();
  private final AtomicInteger backgroundInFlight = new AtomicInteger();
  private final AtomicBoolean sending = new AtomicBoolean();
  private final ByteBuffer requests; // of who is sending
  private volatile long cursor;
  private volatile boolean fillsInBackground;
  private volatile boolean refillWanted;
  private volatile boolean endWanted;
  private volatile @Nullable IOException failure;

  /**
   * Prepares the connection; {@link #start} starts it.
   *
   * @param connection behind its role header
   * @param arriving where the pages go
   * @param explicitEnd whether the source is told when every page is present ({@link #end}, needs
   *     the extension PUSH); false closes the connection then, which is how a v0 source is told
   */
  public FaultConnection(Connection connection, ArrivingPages arriving, boolean explicitEnd) {
    this(connection, arriving, explicitEnd, new RequestWindow(arriving.pages().pageBytes()));
  }

  FaultConnection(
      Connection connection, ArrivingPages arriving, boolean explicitEnd, RequestWindow window) {
    this.connection = connection;
    this.arriving = arriving;
    this.explicitEnd = explicitEnd;
    this.window = window;
    this.pageBytes = Math.toIntExact(arriving.pages().pageBytes());
    this.requested = arriving.present().copy();
    this.requests = ByteBuffer.allocateDirect(RequestWindow.MAX_REQUESTS * REQUEST_BYTES);
    this.requests.order(WireFormat.ORDER);
    this.hot = DirectBuffers.allocate(isSmall() ? HOT_BYTES : WireFormat.RESPONSE_BYTES).limit(0);
    this.hotAddress = DirectBuffers.address(hot.duplicate().clear());
  }

  private static ByteBuffer header() {
    ByteBuffer header = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    Request.pageFault().encode(header);
    return header.flip().asReadOnlyBuffer();
  }

  private boolean isSmall() {
    return pageBytes <= SMALL_PAGE_BYTES;
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
    Thread thread = new Thread(this::receive, threadName);
    thread.setDaemon(true);
    receiver = thread;
    thread.start();
    return finished();
  }

  /**
   * Completes when every page is present and the source knows; the connection is closed then. Fails
   * with {@link ProtocolException} if the source refuses a page or breaks the protocol, and with
   * another {@link IOException} if the connection fails or a page cannot be installed: the pages
   * that are present are good, and the rest can be fetched over another connection.
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
    long page = arriving.pageAt(address);
    cursor = page + 1;
    if (isOver() || arriving.isClaimed(page) || !requested.set(page)) {
      return false;
    }
    demands.add(page);
    flush();
    try {
      arriving.prepare(page);
    } catch (IOException e) {
      breakOff(e);
    }
    return true;
  }

  /** Turns fetching in the background on or off; what is in flight still arrives. */
  public void fillInBackground(boolean on) {
    fillsInBackground = on;
    refill();
  }

  /**
   * Tells the source that every page is present; it answers behind what it was asked for before.
   * Once, any thread.
   */
  void end() {
    endWanted = true;
    flush();
  }

  /** Demanded pages that were asked for and have not come: what another connection asks first. */
  public List<Gpa> unanswered() {
    List<Gpa> pages = new ArrayList<>();
    inFlight.eachDemanded(page -> pages.add(arriving.pages().gpaOf(page)));
    demands.forEach(page -> pages.add(arriving.pages().gpaOf(page)));
    return pages;
  }

  // Receiving.

  private void receive() {
    if (explicitEnd) {
      boolean unused = ThreadPriority.raise(); // demanded pages only, a vCPU waits for each
    }
    try {
      while (!ended && (explicitEnd || !arriving.isComplete())) {
        readMore();
        takeAnswers();
        refill();
      }
      connection.close();
      finished.complete(null);
    } catch (IOException | RuntimeException e) {
      connection.close();
      Exception first = failure;
      finished.completeExceptionally(first != null ? first : e);
    }
  }

  private void readMore() throws IOException {
    int before = hot.remaining();
    hot.compact();
    int read = connection.read(hot);
    hot.flip();
    if (read < 0 && before > 0) {
      throw new EOFException(
          connection.describe() + ": the peer closed the connection inside an answer");
    } else if (read < 0) {
      throw new ProtocolException(
              "the " + arriving.present().missing() + " pages still missing",
              "the end of the connection")
          .atOffset(connection.bytesRead());
    }
  }

  private void takeAnswers() throws IOException {
    while (hot.remaining() >= WireFormat.RESPONSE_BYTES) {
      int start = hot.position();
      Response response = decode();
      if (isSmall() && hot.remaining() < response.length()) {
        hot.position(start);
        break;
      }
      take(response);
      inFlight.take();
    }
    endRun();
  }

  private Response decode() throws ProtocolException {
    long offset = connection.bytesRead() - hot.remaining();
    try {
      Response response = Response.decode(hot);
      if (inFlight.isEmpty()) {
        throw new ProtocolException("nothing, as no page was asked for", response.toString());
      }
      boolean isEnd = inFlight.page() == END;
      WireLimits.checkPageAnswer(response, isEnd ? 0 : pageBytes);
      if (!response.isOk()) {
        throw new ProtocolException(
            isEnd ? "ok to the end" : "the page at " + arriving.pages().gpaOf(inFlight.page()),
            "status " + response.status());
      }
      return response;
    } catch (ProtocolException e) {
      throw e.atOffset(offset);
    }
  }

  private void take(Response response) throws IOException {
    long page = inFlight.page();
    if (page == END) {
      ended = true;
      return;
    }
    if (response.length() == 0) {
      endRun();
      if (arriving.claim(page, 1) == 1) {
        arriving.arrivedWithoutBytes(page, 1);
      }
    } else if (isSmall()) {
      takeSmall(page);
    } else {
      takeLarge(page);
    }
    if (inFlight.sentNanos() != 0) {
      window.answered(System.nanoTime() - inFlight.sentNanos());
    }
    if (inFlight.isDemanded()) {
      endRun(); // the guest waits for it
    } else {
      backgroundInFlight.decrementAndGet();
    }
  }

  private void takeSmall(long page) throws IOException {
    if (arriving.claim(page, 1) == 1) {
      arriving.write(page, hotAddress + hot.position(), pageBytes);
      if (page != runFirst + runCount || arriving.pages().offsetOf(page) == 0) {
        endRun();
        runFirst = page;
      }
      runCount++;
    }
    hot.position(hot.position() + pageBytes);
  }

  /** Pages in the file that are not announced yet, as one. */
  private void endRun() throws IOException {
    if (runCount > 0) {
      long count = runCount;
      runCount = 0;
      arriving.arrived(runFirst, count);
      runFirst += count;
    }
  }

  private void takeLarge(long page) throws IOException {
    boolean mine = arriving.claim(page, 1) == 1;
    ByteBuffer dropped = mine ? null : ByteBuffer.allocateDirect(CALL_BYTES);
    for (long done = 0; done < pageBytes; done += CALL_BYTES) {
      int call = (int) Math.min(CALL_BYTES, pageBytes - done);
      connection.readFully(
          dropped == null ? arriving.target(page, done, call) : dropped.clear().limit(call));
    }
    if (mine) {
      arriving.arrived(page, 1);
    }
  }

  // Sending. One thread at a time, whichever comes; the others leave their work to it.

  /** Asks for more once half of the window is free: fewer, larger writes. */
  private void refill() {
    if (fillsInBackground && backgroundInFlight.get() <= window.size() / 2) {
      refillWanted = true;
    }
    flush();
  }

  private void flush() {
    while (hasToSend() && sending.compareAndSet(false, true)) {
      try {
        send();
      } catch (IOException e) {
        breakOff(e);
      } finally {
        sending.set(false);
      }
    }
  }

  private boolean hasToSend() {
    return !isOver() && (refillWanted || endWanted || (!demands.isEmpty() && inFlight.room() > 0));
  }

  private boolean isOver() {
    return failure != null || finished.isDone();
  }

  private void send() throws IOException {
    requests.clear();
    while (requests.hasRemaining() && inFlight.room() > 0) {
      Long page = demands.poll();
      if (page == null) {
        break;
      }
      add(page, true);
    }
    if (requests.position() > 0) {
      connection.writeFully(requests.flip());
    }
    if (refillWanted) {
      refillWanted = false;
      sendInBackground();
    }
    if (endWanted) {
      endWanted = false;
      inFlight.add(END, false, 0);
      requests.clear();
      Request.filled().encode(requests);
      connection.writeFully(requests.flip());
    }
  }

  private void sendInBackground() throws IOException {
    requests.clear();
    while (backgroundInFlight.get() < window.size()
        && inFlight.room() > 0
        && requests.hasRemaining()) {
      long page = nextInBackground();
      if (page < 0) {
        break;
      }
      if (requested.set(page)) {
        backgroundInFlight.incrementAndGet();
        add(page, false);
      }
    }
    if (requests.position() > 0) {
      connection.writeFully(requests.flip());
    }
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
    inFlight.add(page, demanded, requests.position() == 0 ? System.nanoTime() : 0);
    requests.put(HEADER.duplicate());
    MemoryRangeTable.append(arriving.pages().gpaOf(page).value(), pageBytes, requests);
  }

  /** Leaves it to the receiving thread, which the close ends, to report the failure. */
  private void breakOff(IOException cause) {
    if (failure == null) {
      failure = cause;
    }
    connection.close();
  }

  /** Closes the connection; {@link #finished} fails unless every page is present. Any thread. */
  @Override
  public void close() {
    connection.close();
  }

  /** Waits until the receiving thread has ended; it does soon after {@link #close}. */
  public void join() throws InterruptedException {
    Thread thread = receiver;
    if (thread != null) {
      thread.join();
    }
  }
}
