package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.transport.TruncatedStreamException;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.LongConsumer;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
import org.jspecify.annotations.Nullable;

/**
 * The destination's side of Memory and its extensions: the whole range table is judged first, then
 * the bytes go from the socket straight into the guest's mapping, inside the system call; or blocks
 * are decompressed, or ranges cleared.
 *
 * <p>Thread-safe; several connections may share one.
 */
public final class MemoryReceiver {
  // As on the sending side: larger calls gain nothing, smaller ones report progress.
  private static final int CALL_BYTES = 1 << 20;

  private final GuestMemory memory;
  private final Extensions agreed;
  private final LongConsumer progress;
  // One for each connection that brings compressed memory at a time.
  private final Queue<BlockReceiver> idle = new ConcurrentLinkedQueue<>();
  // The same for ranges that are too short for a call each.
  private final Queue<ScatteredRanges> idleScattered = new ConcurrentLinkedQueue<>();

  /**
   * A receiver.
   *
   * @param memory the destination's memory; the guest must not run
   * @param agreed the migration's extensions; a command of any other is refused
   * @param progress told the bytes of each read, from the connections' threads
   */
  public MemoryReceiver(GuestMemory memory, Extensions agreed, LongConsumer progress) {
    this.memory = memory;
    this.agreed = agreed;
    this.progress = progress;
  }

  /**
   * Receives the table and what follows it of one Memory, MemoryZero or MemoryCompressed whose
   * header was read. The answer is the caller's.
   *
   * @throws ProtocolException if the table is too long for the guest, a range is empty, wraps
   *     around, or is not inside one region, or an extension's ranges are more than the guest's
   *     memory; nothing was written then. Also if a compressed block is damaged
   * @throws IOException if the connection or the memory fails; the ranges are partly written then
   */
  public ReceivedMemory receive(Connection connection, Request request) throws IOException {
    long tableOffset = connection.bytesRead();
    boolean isCompressed = request.command() == Command.MEMORY_COMPRESSED;
    CompressedHeader how = null;
    MemoryRangeTable table;
    try {
      ByteBuffer payload = payload(connection, request);
      how = isCompressed ? CompressedHeader.decode(payload) : null;
      table = table(request, payload);
    } catch (ProtocolException e) {
      throw e.atOffset(tableOffset);
    }
    boolean isZero = request.command() == Command.MEMORY_ZERO;
    if (how != null) {
      decompress(connection, how, table);
    } else if (isZero) {
      for (int i = 0; i < table.count(); i++) {
        memory.clear(new Gpa(table.gpa(i)), table.length(i));
      }
    } else {
      fill(connection, table);
    }
    return new ReceivedMemory(isZero ? 0 : table.totalBytes(), table.count());
  }

  /**
   * Receives the table of a command that brings no memory, and whose header was read.
   *
   * @throws ProtocolException as {@link #receive}
   * @throws IOException if the connection fails
   */
  MemoryRangeTable receiveTable(Connection connection, Request request) throws IOException {
    long tableOffset = connection.bytesRead();
    try {
      return table(request, payload(connection, request));
    } catch (ProtocolException e) {
      throw e.atOffset(tableOffset);
    }
  }

  private ByteBuffer payload(Connection connection, Request request) throws IOException {
    int length = WireLimits.checkTable(request, memory.sizeBytes());
    return ByteBuffer.wrap(Payloads.read(connection, length));
  }

  private MemoryRangeTable table(Request request, ByteBuffer payload) throws ProtocolException {
    MemoryRangeTable table = MemoryRangeTable.decode(payload);
    check(request, table);
    return table;
  }

  /**
   * Receives everything on a connection that carries memory only (role 1), answering each command,
   * until the peer closes it between two frames.
   *
   * <p>Runs as a stream on the blocking dispatcher; closing the connection ends it.
   *
   * @param connection behind its role header
   * @return the sums. Fails with {@link ProtocolException} if anything but valid memory comes (an
   *     error was answered and the connection is closed then), or with another {@link IOException}
   *     if the connection fails
   */
  public CompletionStage<ReceivedMemory> receiveAll(
      Connection connection, Materializer materializer) {
    return frames(connection)
        .runWith(Sink.fold(ReceivedMemory.NOTHING, ReceivedMemory::plus), materializer);
  }

  /**
   * The same as {@link #receiveAll}, one element for each command. The next command is read when
   * there is demand.
   */
  public Source<ReceivedMemory, ?> frames(Connection connection) {
    return Source.fromGraph(new MemoryFramesStage(connection, this))
        .async(PrecopySender.BLOCKING_DISPATCHER, 1);
  }

  private void check(Request request, MemoryRangeTable table) throws ProtocolException {
    for (int i = 0; i < table.count(); i++) {
      check(table, i);
    }
    // Few bytes could otherwise make work without end; Memory brings every byte that it names.
    if (request.command() != Command.MEMORY && table.totalBytes() > memory.sizeBytes()) {
      throw new ProtocolException(
          "at most the guest's " + memory.sizeBytes() + " bytes of memory",
          table.totalBytes() + " in one " + request.command());
    }
  }

  private void decompress(Connection connection, CompressedHeader how, MemoryRangeTable table)
      throws IOException {
    BlockReceiver blocks = idle.poll();
    if (blocks == null) {
      blocks = new BlockReceiver(memory, progress);
    }
    blocks.receive(connection, how, table);
    idle.add(blocks);
  }

  private void check(MemoryRangeTable table, int i) throws ProtocolException {
    long length = table.length(i);
    if (length == 0 || memory.find(new Gpa(table.gpa(i)), length) == null) {
      throw new ProtocolException(
          "a range inside one region of the guest's memory",
          new MemoryRange(table.gpa(i), length) + " (range " + i + " of " + table.count() + ")");
    }
  }

  private void fill(Connection connection, MemoryRangeTable table) throws IOException {
    boolean together = ScatteredRanges.suit(memory);
    ScatteredRanges scattered = null;
    for (int i = 0; i < table.count(); ) {
      if (!together || table.length(i) >= ScatteredRanges.SHORT_BYTES) {
        fill(connection, table.gpa(i), table.length(i));
        i++;
        continue;
      }
      scattered = scattered == null ? shortRanges() : scattered;
      i += scattered.receive(connection, table, i);
      progress.accept(scattered.received());
    }
    if (scattered != null) {
      idleScattered.add(scattered);
    }
  }

  private ScatteredRanges shortRanges() {
    ScatteredRanges scattered = idleScattered.poll();
    return scattered == null ? new ScatteredRanges(memory) : scattered;
  }

  private void fill(Connection connection, long gpa, long lengthBytes) throws IOException {
    for (long done = 0; done < lengthBytes; ) {
      int call = (int) Math.min(CALL_BYTES, lengthBytes - done);
      connection.readFully(memory.slice(new Gpa(gpa + done), call));
      done += call;
      progress.accept(call);
    }
  }

  /**
   * Reads one frame header where a frame may begin.
   *
   * @return null if the peer has closed there; one of version 0 also if it did not say so under
   *     TLS, which Cloud Hypervisor never does: what it has not sent it knows to be missing
   * @throws ProtocolException if it is no request
   */
  static @Nullable Request readRequest(Connection connection, ByteBuffer header, Extensions agreed)
      throws IOException {
    long offset = connection.bytesRead();
    try {
      if (!connection.readFullyOrEof(header.clear().limit(WireFormat.REQUEST_BYTES))) {
        return null;
      }
    } catch (TruncatedStreamException e) {
      if (agreed.equals(Extensions.NONE) && header.position() == 0) {
        return null;
      }
      throw e;
    }
    try {
      return Request.decode(header.flip(), agreed);
    } catch (ProtocolException e) {
      throw e.atOffset(offset);
    }
  }

  /** As {@link #readRequest(Connection, ByteBuffer, Extensions)}, for this migration. */
  @Nullable Request readRequest(Connection connection, ByteBuffer header) throws IOException {
    return readRequest(connection, header, agreed);
  }

  /** As {@link #receive}, refusing what a memory connection does not carry. */
  ReceivedMemory receiveOnly(Connection connection, Request request) throws IOException {
    if (!ConnectionRole.PRECOPY_MEMORY.carries(request.command())) {
      throw new ProtocolException("a Memory on a memory connection", request.toString())
          .atOffset(connection.bytesRead() - WireFormat.REQUEST_BYTES);
    }
    return receive(connection, request);
  }
}
