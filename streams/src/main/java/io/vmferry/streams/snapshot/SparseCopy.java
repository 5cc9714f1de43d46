package io.vmferry.streams.snapshot;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.ZeroPages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Copies a slot's memory into a file that is all hole: holes are skipped, and so are zeros in what
 * is not a hole. Several threads share the work, each with a buffer of its own that stays in its
 * cache.
 */
final class SparseCopy {
  // A call's cost vanishes behind it, and a buffer still fits the second-level cache.
  private static final int BUFFER_BYTES = 1 << 20;
  // Zeros are left out in pieces of this size: smaller ones would cost a call each.
  private static final int PIECE_BYTES = 64 << 10;

  /** Where bytes go. */
  interface Target {
    /** Writes a direct buffer at an offset; any thread. */
    void writeAt(long offset, ByteBuffer bytes) throws IOException;
  }

  private final MemorySource from;
  private final Target to;
  private final long toOffset;
  private final long lengthBytes;
  private final LongConsumer progress;
  private final LongAdder written = new LongAdder();
  // How far extents were handed out, and where the one at hand ends.
  private long next;
  private long dataEnd;

  private SparseCopy(MemorySource from, Target to, long toOffset, LongConsumer progress) {
    this.from = from;
    this.to = to;
    this.toOffset = toOffset;
    this.lengthBytes = from.sizeBytes();
    this.progress = progress;
  }

  /**
   * Copies.
   *
   * @param progress told how many bytes are done, holes included; from several threads
   * @return bytes written: what is neither hole nor zeros
   * @throws IOException the first failure of any thread; the others have ended then
   */
  static long copy(MemorySource from, Target to, long toOffset, LongConsumer progress)
      throws IOException {
    SparseCopy copy = new SparseCopy(from, to, toOffset, progress);
    Workers.run(Workers.count(), "sparse-copy", copy::work);
    if (!from.isWhole()) {
      throw new SnapshotException("The file of the memory became shorter while it was read.");
    }
    return copy.written.sum();
  }

  private void work() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    try {
      for (PageRun run = take(); run != null; run = take()) {
        long at = run.gpa();
        buffer.clear().limit((int) run.lengthBytes());
        from.readAt(at, buffer);
        write(at, buffer.flip());
        progress.accept(run.lengthBytes());
      }
    } catch (IOException e) {
      stop();
      throw e;
    }
  }

  /** The next part with data, as an offset and a length; null if there is none. */
  private synchronized @Nullable PageRun take() throws IOException {
    if (next >= dataEnd && next < lengthBytes) {
      long data = from.nextData(next);
      long start = data < 0 ? lengthBytes : data;
      progress.accept(start - next);
      next = start;
      if (next < lengthBytes) {
        dataEnd = from.nextHole(next);
      }
    }
    if (next >= lengthBytes) {
      return null;
    }
    // Up to the next multiple of the buffer, so that pieces of zeros are at the same places.
    long length = Math.min(dataEnd, next / BUFFER_BYTES * BUFFER_BYTES + BUFFER_BYTES) - next;
    PageRun run = new PageRun(next, length);
    next += length;
    return run;
  }

  private synchronized void stop() {
    next = lengthBytes;
  }

  private void write(long at, ByteBuffer bytes) throws IOException {
    int end = bytes.limit();
    for (int start = 0; start < end; ) {
      int piece = pieceEnd(start, end);
      if (isZero(bytes, start, piece)) {
        start = piece;
        continue;
      }
      int stop = piece;
      while (stop < end && !isZero(bytes, stop, pieceEnd(stop, end))) {
        stop = pieceEnd(stop, end);
      }
      to.writeAt(toOffset + at + start, bytes.limit(stop).position(start));
      bytes.limit(end);
      written.add(stop - start);
      start = stop;
    }
  }

  private static int pieceEnd(int start, int end) {
    return Math.min(end, start + PIECE_BYTES);
  }

  private static boolean isZero(ByteBuffer bytes, int start, int end) {
    for (int at = start; at < end; at += ZeroPages.PAGE_BYTES) {
      if (!ZeroPages.isZero(bytes, at)) {
        return false;
      }
    }
    return true;
  }
}
