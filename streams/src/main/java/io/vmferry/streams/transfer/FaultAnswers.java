package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Takes the answers on a fault connection, which come in the order of its {@link FaultRequests}:
 * checks them and puts their pages where they belong. Where NAMED_ANSWERS was agreed each says
 * which page it is, and one that nobody waits for, such as the second of a request that came twice,
 * is not taken for the next. Belongs to the receiving thread.
 */
final class FaultAnswers {
  // Stays in the cache, and holds enough answers that a call costs little for each.
  private static final int HOT_BYTES = 256 << 10;
  // Larger pages are read to where they belong; only their headers come through the buffer.
  private static final int SMALL_PAGE_BYTES = 64 << 10;
  private static final int CALL_BYTES = 1 << 20;

  private final Connection connection;
  private final ArrivingPages arriving;
  private final FaultRequests requests;
  private final Extensions agreed;
  private final int rangeBytes;
  private final int pageBytes;
  private final ByteBuffer hot;
  private final long hotAddress;
  private long runFirst;
  private long runCount;
  private boolean ended;

  FaultAnswers(
      Connection connection, ArrivingPages arriving, FaultRequests requests, Extensions agreed) {
    this.connection = connection;
    this.arriving = arriving;
    this.requests = requests;
    this.agreed = agreed;
    this.rangeBytes = Response.rangeBytes(agreed);
    this.pageBytes = Math.toIntExact(arriving.pages().pageBytes());
    int headBytes = WireFormat.RESPONSE_BYTES + rangeBytes;
    this.hot = DirectBuffers.allocate(isSmall() ? HOT_BYTES : headBytes).limit(0);
    this.hotAddress = DirectBuffers.address(hot.duplicate().clear());
  }

  private boolean isSmall() {
    return pageBytes <= SMALL_PAGE_BYTES;
  }

  /** Whether the source has answered the request that ends the connection. */
  boolean hasEnded() {
    return ended;
  }

  /**
   * Waits for answers and takes all that have come.
   *
   * @throws PeerRefusedException if the source has not got a page
   * @throws ProtocolException if it breaks the protocol
   * @throws IOException if the connection fails or ends, or a page cannot be installed
   */
  void take() throws IOException {
    readMore();
    while (hot.remaining() >= WireFormat.RESPONSE_BYTES) {
      int start = hot.position();
      Response response = decode();
      long head = Math.min(rangeBytes, response.length());
      if (hot.remaining() < (isSmall() ? response.length() : head)) {
        hot.position(start);
        break;
      }
      take(response);
      requests.takeOldest();
    }
    endRun();
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

  private Response decode() throws ProtocolException, PeerRefusedException {
    long offset = connection.bytesRead() - hot.remaining();
    try {
      Response response = Response.decode(hot);
      if (requests.areAnswered()) {
        throw new ProtocolException("nothing, as no page was asked for", response.toString());
      }
      boolean isEnd = requests.oldest() == FaultRequests.END;
      if (!isEnd) {
        WireLimits.checkPageAnswer(response, pageBytes, agreed);
        if (!response.isOk()) {
          throw PeerRefusedException.ofPage(arriving.pages().gpaOf(requests.oldest()));
        }
      } else if (!response.requireEmpty(Command.FILLED).isOk()) {
        throw new ProtocolException("ok to the end", "status " + response.status());
      }
      return response;
    } catch (ProtocolException e) {
      throw e.atOffset(offset);
    }
  }

  private void take(Response response) throws IOException {
    long page = requests.oldest();
    if (page == FaultRequests.END) {
      ended = true;
      return;
    }
    checkRange(page);
    if (response.length() == rangeBytes) {
      endRun();
      if (arriving.claim(page, 1) == 1) {
        arriving.arrivedInSharedFile(page, 1);
      }
    } else if (isSmall()) {
      takeSmall(page);
    } else {
      takeLarge(page);
    }
    requests.measureOldest();
    if (requests.isOldestDemanded()) {
      endRun(); // the guest waits for it
    }
  }

  private void checkRange(long page) throws ProtocolException {
    if (rangeBytes == 0) {
      return;
    }
    long offset = connection.bytesRead() - hot.remaining();
    MemoryRange asked = new MemoryRange(arriving.pages().gpaOf(page).value(), pageBytes);
    MemoryRange answered = MemoryRange.decode(hot);
    if (!answered.equals(asked)) {
      throw new ProtocolException("the answer for the page " + asked, "one for " + answered)
          .atOffset(offset);
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
}
