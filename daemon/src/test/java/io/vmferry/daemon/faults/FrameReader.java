package io.vmferry.daemon.faults;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Takes one direction of a connection apart with the project's codec. What it cannot read is passed
 * on as it comes, from there to the end: the proxy must not be stricter than the nodes.
 */
final class FrameReader {
  // The nodes send chunks of 64 MiB at most; twice that is a frame that was not understood.
  private static final long MAX_FRAME_BYTES = 128L << 20;
  private static final int RAW_BYTES = 64 << 10;

  private final Endpoint from;
  private final Exchange exchange;
  private byte[] bytes = new byte[4096];
  private int filled;
  private boolean raw;

  FrameReader(Endpoint from, Exchange exchange) {
    this.from = from;
    this.exchange = exchange;
  }

  /** The header that an additional connection begins with. */
  Frame role() throws IOException {
    filled = 0;
    try {
      fill(WireFormat.ROLE_BYTES);
      Carrier carrier = Carrier.of(ConnectionRole.decode(window(0, filled)));
      return frame(MessageKind.role(carrier), filled, filled, null);
    } catch (EOFException | ProtocolException e) {
      return rest();
    }
  }

  /** The next request; null at the end of the stream. */
  @Nullable Frame request(Carrier carrier) throws IOException {
    if (raw || carrier == Carrier.OTHER) {
      return rawBytes();
    }
    filled = 0;
    OwnedFd descriptor = null;
    try {
      fill(WireFormat.REQUEST_BYTES);
      Request request = Request.decode(window(0, filled), Extensions.known());
      int body = check(request.length());
      if (request.command() == Command.MEMORY_FD) {
        descriptor = descriptor();
      }
      fill(WireFormat.REQUEST_BYTES + body);
      int pagesFrom = filled;
      if (request.command() == Command.MEMORY) {
        fill(filled + check(table(WireFormat.REQUEST_BYTES).totalBytes()));
      } else if (request.command() == Command.MEMORY_COMPRESSED) {
        blocks();
      }
      if (request.command() != Command.SETTLED) {
        exchange.asked(request.command());
      }
      return frame(
          MessageKind.request(carrier, request.command()),
          WireFormat.REQUEST_BYTES,
          pagesFrom,
          descriptor);
    } catch (EOFException | ProtocolException e) {
      return filled == 0 ? null : rest();
    }
  }

  /** The next answer; null at the end of the stream. */
  @Nullable Frame answer(Carrier carrier) throws IOException {
    if (raw || carrier == Carrier.OTHER) {
      return rawBytes();
    }
    filled = 0;
    try {
      fill(WireFormat.RESPONSE_BYTES);
      Response response = Response.decode(window(0, filled));
      Command command = exchange.answered();
      if (command == null) {
        return rest();
      }
      int body = check(response.length());
      fill(WireFormat.RESPONSE_BYTES + body);
      return frame(
          MessageKind.answer(carrier, command),
          WireFormat.RESPONSE_BYTES,
          // The nodes agree on answers that name their page.
          WireFormat.RESPONSE_BYTES
              + (command == Command.PAGE_FAULT ? Math.min(body, WireFormat.RANGE_BYTES) : 0),
          null);
    } catch (EOFException | ProtocolException e) {
      return filled == 0 ? null : rest();
    }
  }

  private OwnedFd descriptor() throws IOException {
    ByteBuffer slot = ByteBuffer.allocate(WireFormat.SLOT_BYTES);
    OwnedFd descriptor = from.readWithDescriptor(slot);
    if (descriptor == null || slot.hasRemaining()) {
      throw new ProtocolException("a slot with a descriptor", "none");
    }
    slot.flip().get(room(WireFormat.SLOT_BYTES), filled, WireFormat.SLOT_BYTES);
    filled += WireFormat.SLOT_BYTES;
    return descriptor;
  }

  private void blocks() throws IOException {
    CompressedHeader header =
        CompressedHeader.decode(
            window(WireFormat.REQUEST_BYTES, WireFormat.COMPRESSED_HEADER_BYTES));
    int tableFrom = WireFormat.REQUEST_BYTES + WireFormat.COMPRESSED_HEADER_BYTES;
    for (long left = table(tableFrom).totalBytes(); left > 0; left -= header.blockBytes()) {
      fill(filled + WireFormat.BLOCK_HEADER_BYTES);
      int block =
          window(filled - WireFormat.BLOCK_HEADER_BYTES, WireFormat.BLOCK_HEADER_BYTES)
              .order(WireFormat.ORDER)
              .getInt();
      fill(filled + check(block));
    }
  }

  private MemoryRangeTable table(int offset) throws ProtocolException {
    return MemoryRangeTable.decode(window(offset, filled - offset));
  }

  private static int check(long more) throws ProtocolException {
    if (more < 0 || more > MAX_FRAME_BYTES) {
      throw new ProtocolException("a frame that the proxy can hold", more + " bytes");
    }
    return (int) more;
  }

  private ByteBuffer window(int offset, int length) {
    return ByteBuffer.wrap(bytes, offset, length).slice();
  }

  private void fill(int until) throws IOException {
    ByteBuffer into = ByteBuffer.wrap(room(until - filled), filled, until - filled);
    while (into.hasRemaining()) {
      if (from.read(into) < 0) {
        filled = into.position();
        throw new EOFException();
      }
      filled = into.position();
    }
  }

  private byte[] room(int more) {
    if (bytes.length < filled + more) {
      bytes = Arrays.copyOf(bytes, Math.max(filled + more, 2 * bytes.length));
    }
    return bytes;
  }

  private Frame frame(
      MessageKind kind, int headerBytes, int pagesFrom, @Nullable OwnedFd descriptor) {
    return new Frame(kind, Arrays.copyOf(bytes, filled), headerBytes, pagesFrom, descriptor);
  }

  private Frame rest() {
    raw = true;
    return Frame.raw(Arrays.copyOf(bytes, filled));
  }

  private @Nullable Frame rawBytes() throws IOException {
    ByteBuffer some = ByteBuffer.allocate(RAW_BYTES);
    int read = from.read(some);
    return read < 0 ? null : Frame.raw(Arrays.copyOf(some.array(), read));
  }
}
