package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.MemorySource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;

/** A slot's memory in chunks: those of zeros are its holes. */
final class ChunkMemory implements MemorySource {
  private final ChunkTable table;
  private final int chunkBytes;
  private final ChunkCache chunks;

  ChunkMemory(ChunkTable table, int chunkBytes, ChunkCache chunks) {
    this.table = table;
    this.chunkBytes = chunkBytes;
    this.chunks = chunks;
  }

  @Override
  public long sizeBytes() {
    return table.lengthBytes();
  }

  @Override
  public long nextData(long offset) {
    return next(offset, false);
  }

  @Override
  public long nextHole(long offset) {
    long hole = next(offset, true);
    return hole < 0 ? table.lengthBytes() : hole;
  }

  private long next(long offset, boolean zeros) {
    for (int chunk = (int) (offset / chunkBytes); chunk < table.chunks(); chunk++) {
      if (table.isZeros(chunk) == zeros) {
        return Math.max(offset, (long) chunk * chunkBytes);
      }
    }
    return -1;
  }

  @Override
  public void readAt(long offset, ByteBuffer destination) throws IOException {
    Objects.checkFromIndexSize(offset, destination.remaining(), table.lengthBytes());
    int end = destination.limit();
    long at = offset;
    while (destination.position() < end) {
      int chunk = (int) (at / chunkBytes);
      int from = (int) (at % chunkBytes);
      int count = Math.min(end - destination.position(), table.lengthOf(chunk) - from);
      int stop = destination.position() + count;
      destination.limit(stop);
      if (table.isZeros(chunk)) {
        zeros(destination);
      } else {
        chunks.read(table.name(chunk), table.lengthOf(chunk), from, destination);
      }
      destination.limit(end);
      at += count;
    }
  }

  private static void zeros(ByteBuffer destination) {
    while (destination.remaining() >= Long.BYTES) {
      destination.putLong(0);
    }
    while (destination.hasRemaining()) {
      destination.put((byte) 0);
    }
  }

  @Override
  public boolean isWhole() {
    return true; // A chunk that is missing or changed makes the read fail.
  }
}
