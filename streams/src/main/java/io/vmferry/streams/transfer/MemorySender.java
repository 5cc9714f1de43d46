package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.compression.CompressionChoice;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.ZeroPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Sends chunks over one connection: header and table from a reused buffer, then the pages straight
 * from slices of the guest's mapping. The answer is awaited behind the next chunk, so that the link
 * does not run dry meanwhile. Where that was agreed, pages of zeros go as a command of their own,
 * and a chunk is compressed if that pays. Pages that are dirty again are left out. One thread at a
 * time.
 */
final class MemorySender {
  // 1 MiB calls are as fast as larger ones (DESIGN.md, section 3) and keep throttle and progress
  // fine-grained.
  static final int CALL_BYTES = 1 << 20;
  // Source: include/uapi/linux/uio.h, UIO_MAXIOV; one is the header's.
  private static final int CALL_BUFFERS = 1023;

  private final Connection connection;
  private final GuestMemory memory;
  private final Throttle throttle;
  private final BooleanSupplier stopped;
  private final SendProgress progress;
  private final boolean zeroRanges;
  private final CompressionChoice compression;
  private final DirtyAgain dirtyAgain;
  private final OutgoingTable data;
  private final OutgoingTable zeros;
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);
  private final List<ByteBuffer> batch = new ArrayList<>();
  private long batchBytes;
  private @Nullable BlockSender blocks;
  private @Nullable Command unanswered;
  // Whether the next chunk goes out before the answer to this one.
  private boolean ahead;

  /**
   * @param stopped true once the round was killed: the chunk under way is then finished without
   *     throttling, so that the connection is left between two frames
   * @param maxChunkBytes no chunk is larger
   */
  MemorySender(
      Connection connection,
      GuestMemory memory,
      Throttle throttle,
      PrecopyRound round,
      long maxChunkBytes,
      BooleanSupplier stopped,
      SendProgress progress) {
    this.connection = connection;
    this.memory = memory;
    this.throttle = throttle;
    this.stopped = stopped;
    this.progress = progress;
    this.zeroRanges = round.encoding().zeroRanges();
    this.compression = round.encoding().compression();
    this.dirtyAgain = round.dirtyAgain();
    int maxRanges = (int) (maxChunkBytes / ZeroPages.PAGE_BYTES);
    this.data = new OutgoingTable(maxRanges);
    this.zeros = new OutgoingTable(zeroRanges ? maxRanges : 0);
  }

  /**
   * Sends one chunk. That the destination has it is certain after {@link #finish}, or once the next
   * was sent.
   *
   * @return what it took, or null if the round was stopped before and nothing was sent
   * @throws PeerRefusedException if the destination refuses it or the one before
   * @throws ProtocolException if it answers with anything but ok
   * @throws IOException if the connection fails
   */
  @Nullable RoundResult send(Chunk chunk) throws IOException {
    if (stopped.getAsBoolean()) {
      return null;
    }
    data.clear();
    zeros.clear();
    DirtyPages later = dirtyAgain.newest();
    for (PageRun run : chunk.runs()) {
      addAllBut(later, run.gpa(), run.gpa() + run.lengthBytes());
    }
    RoundResult sent = skipped(chunk.bytes() - data.bytes() - zeros.bytes());
    sent = data.isEmpty() ? sent : sent.plus(sendData());
    return zeros.isEmpty() ? sent : sent.plus(sendZeros());
  }

  /**
   * Waits until the destination has all that was sent.
   *
   * @throws IOException as {@link #send}
   */
  void finish() throws IOException {
    ahead = false;
    awaitAnswer();
  }

  private RoundResult skipped(long bytes) {
    if (bytes > 0) {
      progress.sent(bytes, 0);
    }
    return RoundResult.skipped(bytes);
  }

  private void addAllBut(DirtyPages later, long gpa, long end) {
    for (long from = later.nextClean(gpa, end); from < end; ) {
      long to = later.nextDirty(from, end);
      if (zeroRanges) {
        split(from, to - from);
      } else {
        data.add(from, to - from);
      }
      from = later.nextClean(to, end);
    }
  }

  /** Into ranges of zeros and ranges of other pages, as long as can be. */
  private void split(long gpa, long lengthBytes) {
    long start = 0;
    OutgoingTable current = data;
    for (long at = 0; at < lengthBytes; at += CALL_BYTES) {
      int length = (int) Math.min(CALL_BYTES, lengthBytes - at);
      ByteBuffer window = memory.slice(new Gpa(gpa + at), length);
      for (int page = 0; page < length; page += ZeroPages.PAGE_BYTES) {
        OutgoingTable next = ZeroPages.isZero(window, page) ? zeros : data;
        if (next != current && at + page > start) {
          current.add(gpa + start, at + page - start);
          start = at + page;
        }
        current = next;
      }
    }
    current.add(gpa + start, lengthBytes - start);
  }

  private RoundResult sendData() throws IOException {
    CompressionAlgorithm algorithm = compression.next();
    if (algorithm != null || !zeros.isEmpty()) {
      finish();
    }
    // A chunk takes from its first byte to its answer, or from the end of the one before to its
    // own end. The first of those that go ahead has neither.
    boolean measurable = !ahead || unanswered != null;
    long startNanos = System.nanoTime();
    if (algorithm == null) {
      sendBytes();
    } else {
      sendBlocks(algorithm);
    }
    if (measurable) {
      compression.sent(algorithm, data.bytes(), System.nanoTime() - startNanos);
    }
    if (compression.wantsSample()) {
      blocks().sample(data, compression);
    }
    return RoundResult.memory(data.bytes(), data.count());
  }

  private void sendBlocks(CompressionAlgorithm algorithm) throws IOException {
    write(
        data.frame(
            Request.memoryCompressed(data.count()),
            new CompressedHeader(algorithm, BlockSender.BLOCK_BYTES)));
    blocks()
        .send(
            data,
            algorithm,
            (block, memoryBytes) -> {
              long wireBytes = block.remaining();
              acquire(wireBytes);
              write(block);
              progress.sent(memoryBytes, wireBytes);
            });
    unanswered = Command.MEMORY_COMPRESSED;
    awaitAnswer();
  }

  private BlockSender blocks() {
    if (blocks == null) {
      blocks = new BlockSender(memory);
    }
    return blocks;
  }

  private void sendBytes() throws IOException {
    batch.add(data.frame(Request.memory(data.count())));
    for (int i = 0; i < data.count(); i++) {
      add(data.gpa(i), data.length(i));
    }
    flush();
    if (ahead) {
      awaitAnswer();
      unanswered = Command.MEMORY;
    } else {
      unanswered = Command.MEMORY;
      awaitAnswer();
      ahead = true;
    }
  }

  private RoundResult sendZeros() throws IOException {
    ByteBuffer frame = zeros.frame(Request.memoryZero(zeros.count()));
    long wireBytes = frame.remaining();
    finish();
    acquire(wireBytes);
    write(frame);
    unanswered = Command.MEMORY_ZERO;
    awaitAnswer();
    progress.sent(zeros.bytes(), wireBytes);
    return RoundResult.zeros(zeros.bytes(), zeros.count());
  }

  private void add(long gpa, long lengthBytes) throws IOException {
    long done = 0;
    while (done < lengthBytes) {
      int length = (int) Math.min(CALL_BYTES - batchBytes, lengthBytes - done);
      batch.add(memory.slice(new Gpa(gpa + done), length));
      batchBytes += length;
      done += length;
      if (batchBytes == CALL_BYTES || batch.size() > CALL_BUFFERS) {
        flush();
      }
    }
  }

  private void flush() throws IOException {
    if (batch.isEmpty()) {
      return;
    }
    acquire(batchBytes);
    write(batch.toArray(new ByteBuffer[0]));
    progress.sent(batchBytes, batchBytes);
    batch.clear();
    batchBytes = 0;
  }

  private void acquire(long bytes) throws InterruptedIOException {
    try {
      throttle.acquire(bytes, stopped);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while throttled");
    }
  }

  private void write(ByteBuffer... buffers) throws IOException {
    try {
      connection.writeFully(buffers);
    } catch (IOException e) {
      throw explained(e);
    }
  }

  /** A peer that refuses a table closes behind its answer: the answer says more than the break. */
  private IOException explained(IOException broken) {
    try {
      awaitAnswer();
      connection.readFully(answer.clear());
      if (!Response.decode(answer.flip()).isOk()) {
        ProtocolException refused =
            new ProtocolException("ok to a Memory", "an error from " + connection.describe())
                .atOffset(connection.bytesRead());
        refused.addSuppressed(broken);
        return refused;
      }
    } catch (PeerRefusedException refused) {
      refused.addSuppressed(broken);
      return refused;
    } catch (IOException e) {
      broken.addSuppressed(e);
    }
    return broken;
  }

  private void awaitAnswer() throws IOException {
    Command command = unanswered;
    if (command == null) {
      return;
    }
    unanswered = null;
    connection.readFully(answer.clear());
    Response response;
    try {
      response = Response.decode(answer.flip()).requireEmpty(command);
    } catch (ProtocolException e) {
      throw e.atOffset(connection.bytesRead());
    }
    if (!response.isOk()) {
      throw new PeerRefusedException(command);
    }
  }
}
