package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.compression.CompressionChoice;
import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Cuts the ranges of a table into blocks and compresses them, on the thread that sends them. One
 * thread at a time.
 */
final class BlockSender {
  /** Guest memory in a block: larger ones compress hardly better and leave the cache. */
  static final int BLOCK_BYTES = 256 * 1024;

  // One place of a chunk says little of the others.
  private static final int SAMPLE_PARTS = 8;

  /** Takes a finished block. */
  @FunctionalInterface
  interface Wire {
    void write(ByteBuffer block, long memoryBytes) throws IOException;
  }

  private final GuestMemory memory;
  // Invariant: a codec only reads this copy. The guest writes to its memory meanwhile, and a
  // compressor that sees its input change may read and write anywhere.
  private final ByteBuffer raw = ByteBuffer.allocateDirect(BLOCK_BYTES);
  private final ByteBuffer packed =
      ByteBuffer.allocateDirect(WireFormat.BLOCK_HEADER_BYTES + BlockCodec.bound(BLOCK_BYTES))
          .order(WireFormat.ORDER);
  private int range;
  private long offset;

  BlockSender(GuestMemory memory) {
    this.memory = memory;
  }

  /** Hands out all blocks of a table, in order. */
  void send(OutgoingTable table, CompressionAlgorithm algorithm, Wire wire) throws IOException {
    range = 0;
    offset = 0;
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      while (range < table.count()) {
        raw.clear();
        gather(table);
        raw.flip();
        wire.write(pack(codec), raw.limit());
      }
    }
  }

  /** Compresses a block from all over a table with every algorithm and tells the choice. */
  void sample(OutgoingTable table, CompressionChoice choice) {
    long startNanos = System.nanoTime();
    raw.clear();
    for (int i = 0; i < SAMPLE_PARTS; i++) {
      seek(table, table.bytes() / SAMPLE_PARTS * i);
      raw.limit(BLOCK_BYTES / SAMPLE_PARTS * (i + 1));
      gather(table);
    }
    raw.flip();
    long gatherNanos = System.nanoTime() - startNanos;
    for (CompressionAlgorithm algorithm : CompressionAlgorithm.values()) {
      try (BlockCodec codec = BlockCodec.of(algorithm)) {
        // Loads the library, and makes the codec's own memory present, which a chunk does once.
        pack(codec);
        startNanos = System.nanoTime();
        int length = pack(codec).remaining();
        choice.sampled(
            algorithm, raw.limit(), length, gatherNanos + System.nanoTime() - startNanos);
      }
    }
  }

  private void seek(OutgoingTable table, long bytes) {
    offset = bytes;
    for (range = 0; offset >= table.length(range); range++) {
      offset -= table.length(range);
    }
  }

  /** Fills the copy to its limit from where the last block ended. */
  private void gather(OutgoingTable table) {
    while (raw.hasRemaining() && range < table.count()) {
      Gpa gpa = new Gpa(table.gpa(range) + offset);
      long left = table.length(range) - offset;
      int length = (int) Math.min(raw.remaining(), left);
      GuestRegion region = memory.regionAt(gpa, length);
      ByteBuffer part = raw.slice(raw.position(), length);
      region.mapping().copyOut(region.offsetOf(gpa), part);
      raw.position(raw.position() + length);
      offset += length;
      if (length == left) {
        range++;
        offset = 0;
      }
    }
  }

  /** The block with its header; as it is, if it does not get shorter. */
  private ByteBuffer pack(BlockCodec codec) {
    packed.clear().position(WireFormat.BLOCK_HEADER_BYTES);
    int length = codec.compress(raw, packed);
    if (length >= raw.remaining()) {
      length = raw.remaining();
      packed.put(raw.duplicate());
    }
    return packed.clear().limit(WireFormat.BLOCK_HEADER_BYTES + length).putInt(0, length);
  }
}
