package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.ThreadPriority;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.TruncatedStreamException;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
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
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The source's end of a fault connection: answers each page fault from the memory of the guest,
 * which is paused for good, so the bytes do not change while they are sent. Requests that came
 * together are answered in one write.
 *
 * <p>A v0 destination only closes the connection at the end, and a dying one closes it too. So the
 * pages served are counted, each once: the end is believed when no page is missing
 * (docs/protocol.md known faults 2 and 3). Where PUSH was agreed the destination says that it has
 * every page, and an end without that is never believed.
 *
 * <p>{@link #run} blocks its thread, which must be one of its own and is raised where only demands
 * come: this is the latency path. After a broken connection a new instance with the same bitmap
 * goes on.
 */
public final class FaultServing {
  /** The unit of counting, in bytes: a destination may ask in larger pages than the source has. */
  public static final long COUNTED_PAGE_BYTES = 4096;

  // Requests of one read. A window's worth; the rest comes with the next read.
  private static final int REQUESTS_BYTES = 8 << 10;
  // Answers of one write: few enough that the destination does not wait for the last to be made.
  private static final int BATCH_BYTES = 256 << 10;
  private static final int BATCH_ANSWERS = BATCH_BYTES / (int) COUNTED_PAGE_BYTES;
  // What stands before the bytes of a page.
  private static final int ANSWER_HEAD_BYTES = WireFormat.RESPONSE_BYTES + WireFormat.RANGE_BYTES;

  private final Connection connection;
  private final GuestMemory memory;
  private final GuestPages pages;
  private final PresentBitmap served;
  private final Extensions agreed;
  private final @Nullable PushOrder order;
  private final @Nullable SharedPages shared;
  private final PageBytes bytes;
  private final LongConsumer progress;
  private final ByteBuffer requests = ByteBuffer.allocateDirect(REQUESTS_BYTES).limit(0);
  private final ByteBuffer headers = ByteBuffer.allocateDirect(BATCH_ANSWERS * ANSWER_HEAD_BYTES);
  private final List<ByteBuffer> batch = new ArrayList<>();
  private final List<MemoryRange> answered = new ArrayList<>();
  private boolean filled;

  /**
   * Serves a connection of the base protocol without telling how many bytes went.
   *
   * @see #FaultServing(Connection, GuestMemory, PresentBitmap, Extensions, PushOrder, LongConsumer)
   */
  public FaultServing(Connection connection, GuestMemory memory, PresentBitmap served) {
    this(connection, memory, served, Extensions.NONE, null, bytes -> {});
  }

  /**
   * Serves a connection.
   *
   * @param connection behind its role header
   * @param memory memory of a guest that no longer runs here, no page missing
   * @param served from {@link #servedPages}; may be read by others while this runs: its count is
   *     the number of 4 KiB pages served, each counted once
   * @param agreed the migration's extensions
   * @param order told of every request, so that what is pushed follows; null if nothing is
   * @param progress told the bytes of guest memory of each write, on the thread of {@link #run}; a
   *     page that is asked for twice counts twice
   */
  public FaultServing(
      Connection connection,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      @Nullable PushOrder order,
      LongConsumer progress) {
    this(connection, memory, served, agreed, order, null, memory::slice, progress);
  }

  private FaultServing(
      Connection connection,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      @Nullable PushOrder order,
      @Nullable SharedPages shared,
      PageBytes bytes,
      LongConsumer progress) {
    this.connection = connection;
    this.memory = memory;
    this.pages = new GuestPages(memory.regions(), COUNTED_PAGE_BYTES);
    this.served = served;
    this.agreed = agreed;
    this.order = order;
    this.shared = shared;
    this.bytes = bytes;
    this.progress = progress;
    if (served.pages() != pages.count()) {
      throw new IllegalArgumentException("bitmap of another guest: " + served.pages() + " pages");
    }
  }

  /**
   * Serves a destination that shares the memory: it gets no bytes, only word that they are there.
   *
   * @param memory where the destination's addresses are; its pages may be missing
   * @param served as above
   * @param agreed the migration's extensions
   * @param shared brings each page before its fault is answered, on the thread of {@link #run}
   */
  public static FaultServing ofShared(
      Connection connection,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      SharedPages shared) {
    return new FaultServing(
        connection, memory, served, agreed, null, shared, memory::slice, bytes -> {});
  }

  /**
   * Serves a destination that asks for every page from elsewhere than memory.
   *
   * @param memory where the destination's addresses are; nothing of it is touched
   * @param served as above
   * @param agreed the migration's extensions, without PUSH
   * @param bytes the pages' contents; what cannot be had is an error to the destination
   * @param progress as above
   */
  public static FaultServing ofBytes(
      Connection connection,
      GuestMemory memory,
      PresentBitmap served,
      Extensions agreed,
      PageBytes bytes,
      LongConsumer progress) {
    return new FaultServing(connection, memory, served, agreed, null, null, bytes, progress);
  }

  /** A bitmap for the 4 KiB pages of a guest, none served yet. */
  public static PresentBitmap servedPages(GuestMemory memory) {
    return new PresentBitmap(memory.sizeBytes() / COUNTED_PAGE_BYTES);
  }

  /**
   * A bitmap for the 4 KiB pages of a guest of which some have never been served, and the others
   * need not be.
   */
  public static PresentBitmap servedPages(GuestMemory memory, DirtyPages missing) {
    PresentBitmap unserved = servedPages(memory);
    GuestPages pages = new GuestPages(memory.regions(), COUNTED_PAGE_BYTES);
    missing
        .runs()
        .forEachRemaining(
            run -> unserved.set(pages.indexOf(run.gpa()), run.lengthBytes() / COUNTED_PAGE_BYTES));
    return unserved.inverted();
  }

  /**
   * Answers until the destination has every page: until it says so, or closes the connection after
   * it has got every page.
   *
   * @throws ProtocolException if a request is not one aligned page inside one region of the guest
   *     (an error was answered), or if the destination closes while pages are missing
   * @throws IOException if the connection fails. In every case the destination may run the guest:
   *     the source must keep its memory and must not resume
   */
  public void run() throws IOException {
    if (order != null) {
      boolean unused = ThreadPriority.raise(); // demanded pages only, a vCPU waits for each
    }
    while (!filled && readMore()) {
      answerAll();
    }
    if (!filled && (agreed.has(Extension.PUSH) || !served.isComplete())) {
      throw new ProtocolException(
              agreed.has(Extension.PUSH)
                  ? "word that every page has arrived"
                  : "requests for the " + served.missing() + " pages of 4 KiB not served yet",
              "the end of the fault connection")
          .atOffset(connection.bytesRead());
    }
  }

  /** False if the destination has closed between two requests. */
  private boolean readMore() throws IOException {
    int before = requests.remaining();
    requests.compact();
    int read;
    try {
      read = connection.read(requests);
    } catch (TruncatedStreamException e) {
      // Cloud Hypervisor ends TLS without a word: the count says whether that was the end.
      if (agreed.has(Extension.PUSH) || !served.isComplete()) {
        throw e;
      }
      read = -1;
    } finally {
      requests.flip();
    }
    if (read < 0 && before > 0) {
      throw new EOFException(
          connection.describe() + ": the peer closed the connection inside a request");
    }
    return read >= 0;
  }

  private void answerAll() throws IOException {
    long batchBytes = 0;
    while (!filled) {
      MemoryRange page;
      long offset = connection.bytesRead() - requests.remaining();
      try {
        page = next();
      } catch (ProtocolException e) {
        flush();
        write(Response.error());
        throw e.atOffset(offset);
      }
      if (page == null) {
        break;
      }
      if (shared != null) {
        bring(shared, page);
      } else if (page.length() > BATCH_BYTES) {
        flush();
        sendLarge(page);
        served.set(pages.indexOf(page.gpa()), page.length() / COUNTED_PAGE_BYTES);
        continue;
      }
      add(page);
      batchBytes += page.length();
      if (batchBytes >= BATCH_BYTES) {
        flush();
        batchBytes = 0;
      }
    }
    flush();
    if (filled) {
      write(Response.ok());
    }
  }

  /** The next request that is whole, or null. */
  private @Nullable MemoryRange next() throws ProtocolException {
    int start = requests.position();
    if (requests.remaining() < WireFormat.REQUEST_BYTES) {
      return null;
    }
    Request header = Request.decode(requests, agreed);
    if (header.command() == Command.FILLED) {
      WireLimits.check(header);
      filled = true;
      return null;
    }
    boolean demanded = header.command() == Command.PAGE_FAULT;
    if (!demanded && header.command() != Command.PREFAULT) {
      throw new ProtocolException("a PageFault on a fault connection", header.toString());
    }
    WireLimits.check(header);
    if (requests.remaining() < WireFormat.RANGE_BYTES) {
      requests.position(start);
      return null;
    }
    MemoryRange page = MemoryRange.decode(requests);
    WireLimits.checkPage(page);
    if (memory.find(page.start(), page.length()) == null) {
      throw new ProtocolException(
          "a page inside one region of the guest's memory", page.toString());
    }
    if (demanded && shared != null) {
      shared.demanded(page);
    }
    if (demanded && order != null) {
      order.demanded(pages.indexOf(page.gpa()), page.length() / COUNTED_PAGE_BYTES);
    }
    return page;
  }

  /** A page that cannot be had is an error to the destination, which must not run on without it. */
  private void bring(SharedPages source, MemoryRange page) throws IOException {
    try {
      source.bring(page);
    } catch (IOException e) {
      flush();
      write(Response.error());
      throw e;
    }
  }

  private void add(MemoryRange page) throws IOException {
    ByteBuffer content = shared == null ? content(page.gpa(), (int) page.length()) : null;
    int start = headers.position();
    encodeHead(page, content == null ? 0 : page.length());
    batch.add(headers.slice(start, headers.position() - start));
    if (content != null) {
      batch.add(content);
    }
    answered.add(page);
  }

  /** What stands before a page's bytes. */
  private void encodeHead(MemoryRange page, long bytes) {
    Response.page(bytes, agreed).encode(headers);
    if (agreed.has(Extension.NAMED_ANSWERS)) {
      page.encode(headers);
    }
  }

  private void flush() throws IOException {
    if (!batch.isEmpty()) {
      connection.writeFully(batch.toArray(new ByteBuffer[0]));
      long bytes = 0;
      for (MemoryRange page : answered) {
        served.set(pages.indexOf(page.gpa()), page.length() / COUNTED_PAGE_BYTES);
        bytes += page.length();
      }
      progress.accept(bytes);
      batch.clear();
      answered.clear();
    }
    headers.clear();
  }

  /** As {@link #bring}; what was added to the batch before is answered first. */
  private ByteBuffer content(long gpa, int length) throws IOException {
    try {
      return bytes.slice(new Gpa(gpa), length);
    } catch (IOException e) {
      flush();
      write(Response.error());
      throw e;
    }
  }

  private void sendLarge(MemoryRange page) throws IOException {
    int first = (int) Math.min(PageBytes.CALL_BYTES, page.length());
    ByteBuffer content = content(page.gpa(), first);
    encodeHead(page, page.length());
    connection.writeFully(headers.flip(), content);
    headers.clear();
    progress.accept(first);
    for (long done = first; done < page.length(); done += PageBytes.CALL_BYTES) {
      int call = (int) Math.min(PageBytes.CALL_BYTES, page.length() - done);
      // Behind its header there is no place for an error: if this throws, the connection ends.
      connection.writeFully(bytes.slice(new Gpa(page.gpa() + done), call));
      progress.accept(call);
    }
  }

  private void write(Response response) throws IOException {
    headers.clear();
    response.encode(headers);
    connection.writeFully(headers.flip());
    headers.clear();
  }
}
