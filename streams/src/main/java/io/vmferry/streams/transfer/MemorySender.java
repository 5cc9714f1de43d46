package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;

/**
 * Sends chunks over one connection: header and table from a reused buffer, then the pages straight
 * from slices of the guest's mapping, then the answer is awaited. One thread at a time.
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
  private final LongConsumer progress;
  private final ByteBuffer frame =
      ByteBuffer.allocateDirect(
              WireFormat.REQUEST_BYTES + WireLimits.CHUNK_RANGES * WireFormat.RANGE_BYTES)
          .order(WireFormat.ORDER);
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);
  private final List<ByteBuffer> batch = new ArrayList<>();
  private long batchBytes;

  /**
   * @param stopped true once the round was killed: the chunk under way is then finished without
   *     throttling, so that the connection is left between two frames
   * @param progress told the bytes of guest memory of every write
   */
  MemorySender(
      Connection connection,
      GuestMemory memory,
      Throttle throttle,
      BooleanSupplier stopped,
      LongConsumer progress) {
    this.connection = connection;
    this.memory = memory;
    this.throttle = throttle;
    this.stopped = stopped;
    this.progress = progress;
  }

  /**
   * Sends one chunk and waits until the destination has it.
   *
   * @return false if the round was stopped before; nothing was sent then
   * @throws PeerRefusedException if the destination refuses it
   * @throws ProtocolException if it answers with anything but ok
   * @throws IOException if the connection fails
   */
  boolean send(Chunk chunk) throws IOException {
    if (stopped.getAsBoolean()) {
      return false;
    }
    frame.clear();
    Request.memory(chunk.runs().size()).encode(frame);
    for (PageRun run : chunk.runs()) {
      MemoryRangeTable.append(run.gpa(), run.lengthBytes(), frame);
    }
    batch.add(frame.flip());
    for (PageRun run : chunk.runs()) {
      add(run);
    }
    flush();
    awaitAnswer();
    return true;
  }

  private void add(PageRun run) throws IOException {
    long done = 0;
    while (done < run.lengthBytes()) {
      int length = (int) Math.min(CALL_BYTES - batchBytes, run.lengthBytes() - done);
      batch.add(memory.slice(new Gpa(run.gpa() + done), length));
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
    try {
      throttle.acquire(batchBytes, stopped);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while throttled");
    }
    try {
      connection.writeFully(batch.toArray(new ByteBuffer[0]));
    } catch (IOException e) {
      throw explained(e);
    }
    progress.accept(batchBytes);
    batch.clear();
    batchBytes = 0;
  }

  /** A peer that refuses a table closes behind its answer: the answer says more than the break. */
  private IOException explained(IOException broken) {
    try {
      connection.readFully(answer.clear());
      if (!Response.decode(answer.flip()).isOk()) {
        ProtocolException refused =
            new ProtocolException("ok to a Memory", "an error from " + connection.describe())
                .atOffset(connection.bytesRead());
        refused.addSuppressed(broken);
        return refused;
      }
    } catch (IOException e) {
      broken.addSuppressed(e);
    }
    return broken;
  }

  private void awaitAnswer() throws IOException {
    connection.readFully(answer.clear());
    Response response;
    try {
      response = Response.decode(answer.flip()).requireEmpty(Command.MEMORY);
    } catch (ProtocolException e) {
      throw e.atOffset(connection.bytesRead());
    }
    if (!response.isOk()) {
      throw new PeerRefusedException(Command.MEMORY);
    }
  }
}
