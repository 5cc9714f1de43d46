package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/**
 * Reads the blocks of a MemoryCompressed and puts what is in them into guest memory, through the
 * file: that is the cheapest way into memory that does not exist yet. Buffers two blocks, at most
 * {@link WireLimits#COMPRESSED_BLOCK_BYTES} each, whatever the peer claims. One thread at a time.
 */
final class BlockReceiver {
  private final GuestMemory memory;
  private final LongConsumer progress;
  private final ByteBuffer header =
      ByteBuffer.allocateDirect(WireFormat.BLOCK_HEADER_BYTES).order(WireFormat.ORDER);
  private ByteBuffer packed = ByteBuffer.allocateDirect(0);
  private ByteBuffer raw = ByteBuffer.allocateDirect(0);
  private int range;
  private long offset;

  /**
   * @param progress told the bytes of each block as it came
   */
  BlockReceiver(GuestMemory memory, LongConsumer progress) {
    this.memory = memory;
    this.progress = progress;
  }

  /**
   * Receives all blocks of a table that was checked against the memory.
   *
   * @throws ProtocolException if a block is empty, longer than what it stands for, or damaged
   */
  void receive(Connection connection, CompressedHeader how, MemoryRangeTable table)
      throws IOException {
    if (raw.capacity() < how.blockBytes()) {
      packed = ByteBuffer.allocateDirect(how.blockBytes());
      raw = ByteBuffer.allocateDirect(how.blockBytes());
    }
    range = 0;
    offset = 0;
    try (BlockCodec codec = BlockCodec.of(how.algorithm())) {
      for (long left = table.totalBytes(); left > 0; ) {
        int length = (int) Math.min(how.blockBytes(), left);
        place(block(connection, codec, length), table);
        left -= length;
      }
    }
  }

  private ByteBuffer block(Connection connection, BlockCodec codec, int rawBytes)
      throws IOException {
    connection.readFully(header.clear());
    int length = header.getInt(0);
    long at = connection.bytesRead();
    if (length <= 0 || length > rawBytes) {
      throw new ProtocolException(
              "a block of 1 to " + rawBytes + " bytes", Integer.toUnsignedString(length))
          .atOffset(at - WireFormat.BLOCK_HEADER_BYTES);
    }
    connection.readFully(packed.clear().limit(length));
    progress.accept(length);
    if (length == rawBytes) {
      return packed.flip();
    }
    try {
      codec.decompress(packed.flip(), raw.clear().limit(rawBytes));
    } catch (ProtocolException e) {
      throw e.atOffset(at);
    }
    return raw;
  }

  private void place(ByteBuffer block, MemoryRangeTable table) throws IOException {
    while (block.hasRemaining()) {
      Gpa gpa = new Gpa(table.gpa(range) + offset);
      long left = table.length(range) - offset;
      int length = (int) Math.min(block.remaining(), left);
      GuestRegion region = memory.regionAt(gpa, length);
      region
          .memfd()
          .writeAt(
              region.fileOffset() + region.offsetOf(gpa), block.slice(block.position(), length));
      block.position(block.position() + length);
      offset += length;
      if (length == left) {
        range++;
        offset = 0;
      }
    }
  }
}
