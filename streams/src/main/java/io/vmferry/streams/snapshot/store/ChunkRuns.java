package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.MemorySource;
import java.io.IOException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** Hands out the chunks of a slot that have any data in them, to several threads. */
final class ChunkRuns {
  private final MemorySource source;
  private final int chunkBytes;
  private final long mostBytes;
  private final LongConsumer skipped;
  private long next;
  private long dataEnd;

  /**
   * All of a slot.
   *
   * @param mostChunks of one run
   * @param skipped told how many bytes are in chunks that are hole all over
   */
  ChunkRuns(MemorySource source, int chunkBytes, int mostChunks, LongConsumer skipped) {
    this.source = source;
    this.chunkBytes = chunkBytes;
    this.mostBytes = (long) chunkBytes * mostChunks;
    this.skipped = skipped;
  }

  /** Whole chunks, but for the last of the slot, as an offset and a length; null at the end. */
  synchronized @Nullable PageRun take() throws IOException {
    long size = source.sizeBytes();
    if (next >= dataEnd && next < size) {
      long data = source.nextData(next);
      long start = data < 0 ? size : data / chunkBytes * chunkBytes;
      skipped.accept(start - next);
      next = start;
      if (next < size) {
        dataEnd = source.nextHole(data);
      }
    }
    if (next >= size) {
      return null;
    }
    long end = (dataEnd + chunkBytes - 1) / chunkBytes * chunkBytes;
    long length = Math.min(Math.min(end, size) - next, mostBytes);
    PageRun run = new PageRun(next, length);
    next += length;
    return run;
  }

  /** Hands out nothing more. */
  synchronized void stop() {
    next = source.sizeBytes();
  }
}
