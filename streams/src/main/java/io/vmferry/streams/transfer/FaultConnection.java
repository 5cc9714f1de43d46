package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.ThreadPriority;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The destination's end of a fault connection: asks for pages and takes what comes.
 *
 * <p>A page that the guest waits for is requested at once, by the thread that read the fault. The
 * rest is fetched in the background, as many requests at a time as {@link RequestWindow} allows, so
 * that a demanded page never waits long behind them; background requests follow the last demanded
 * page, as guests walk through memory. A page is asked for once. {@link FaultRequests} chooses what
 * to ask for, {@link FaultAnswers} takes what comes; here is who sends and receives, and the end.
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
  private final Connection connection;
  private final ArrivingPages arriving;
  private final boolean explicitEnd;
  private final FaultRequests requests;
  private final FaultAnswers answers;
  private final CompletableFuture<Void> finished = new CompletableFuture<>();
  private final AtomicBoolean sending = new AtomicBoolean();
  private @Nullable Thread receiver;
  private volatile boolean fillsInBackground;
  private volatile boolean refillWanted;
  private volatile boolean endWanted;
  private volatile @Nullable IOException failure;

  /**
   * Prepares the connection; {@link #start} starts it.
   *
   * @param connection behind its role header
   * @param arriving where the pages go
   * @param agreed the migration's extensions. With PUSH the source is told when every page is
   *     present ({@link #end}); otherwise the connection is closed then, which is how a v0 source
   *     is told
   */
  public FaultConnection(Connection connection, ArrivingPages arriving, Extensions agreed) {
    this(connection, arriving, agreed, new RequestWindow(arriving.pages().pageBytes()));
  }

  FaultConnection(
      Connection connection, ArrivingPages arriving, Extensions agreed, RequestWindow window) {
    this.connection = connection;
    this.arriving = arriving;
    this.explicitEnd = agreed.has(Extension.PUSH);
    this.requests = new FaultRequests(arriving.pages(), arriving.present(), window, agreed);
    this.answers = new FaultAnswers(connection, arriving, requests, agreed);
  }

  /**
   * Starts receiving on a thread of this connection.
   *
   * @param sandbox fences it in
   * @param threadName its name
   * @param inBackground whether to fetch pages that nobody demanded
   * @return {@link #finished}
   */
  public CompletionStage<Void> start(Sandbox sandbox, String threadName, boolean inBackground) {
    fillInBackground(inBackground);
    Thread thread = sandbox.thread(SandboxRole.BRINGS_PAGES, threadName, () -> receive(sandbox));
    receiver = thread;
    thread.start();
    return finished();
  }

  /**
   * Completes when every page is present and the source knows; the connection is closed then. Fails
   * with {@link io.vmferry.streams.wire.PeerRefusedException} if the source has not got a page,
   * with {@link ProtocolException} if it breaks the protocol, and with another {@link IOException}
   * if the connection fails or a page cannot be installed: the pages that are present are good, and
   * the rest can be fetched over another connection.
   */
  public CompletionStage<Void> finished() {
    return finished.minimalCompletionStage();
  }

  /**
   * Takes a source for dead that owes an answer and is silent for as long; {@link #finished} fails
   * then. Zero is for ever, as without this.
   */
  void limitSilence(Duration most) {
    connection.setReadTimeout(most, () -> !requests.areAnswered());
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
    requests.follow(page);
    if (isOver() || arriving.isClaimed(page) || !requests.demand(page)) {
      return false;
    }
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
    return requests.unanswered();
  }

  private void receive(Sandbox sandbox) {
    if (explicitEnd) {
      boolean unused = ThreadPriority.raise(); // demanded pages only, a vCPU waits for each
    }
    try {
      while (!answers.hasEnded() && (explicitEnd || !arriving.isComplete())) {
        answers.take();
        refill();
      }
      connection.close();
      finished.complete(null);
    } catch (IOException | RuntimeException e) {
      connection.close();
      Exception first = failure;
      finished.completeExceptionally(sandbox.noticed(first != null ? first : e));
    }
  }

  // Sending. One thread at a time, whichever comes; the others leave their work to it.

  private void refill() {
    if (fillsInBackground && requests.isWindowHalfFree()) {
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
    return !isOver() && (refillWanted || endWanted || requests.hasDemands());
  }

  private boolean isOver() {
    return failure != null || finished.isDone();
  }

  private void send() throws IOException {
    write(requests.demanded());
    if (refillWanted) {
      refillWanted = false;
      write(requests.background());
    }
    if (endWanted) {
      endWanted = false;
      write(requests.end());
    }
  }

  private void write(ByteBuffer frames) throws IOException {
    if (frames.hasRemaining()) {
      connection.writeFully(frames);
    }
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
