package io.vmferry.streams.snapshot.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Chunks of one snapshot as plain bytes. The last few of which only a part was wanted are kept: a
 * guest that faults on one page of a chunk soon wants the others.
 *
 * <p>Thread-safe, but for {@link #close}; each thread that reads at once has buffers of its own.
 */
final class ChunkCache implements AutoCloseable {
  // 4 MiB of the usual chunks: a few streams of faults, each in a chunk of its own.
  private static final int KEPT = 16;

  private final ChunkFiles files;
  private final @Nullable StoreKey key;
  private final Queue<ChunkOpener> openers = new ConcurrentLinkedQueue<>();
  // By last use. Guarded by itself.
  private final Map<ChunkName, ByteBuffer> kept = new LinkedHashMap<>(32, 0.75f, true);

  ChunkCache(ChunkFiles files, @Nullable StoreKey key) {
    this.files = files;
    this.key = key;
  }

  /**
   * Reads a part of a chunk.
   *
   * @param lengthBytes of the whole chunk
   * @param from the part's first byte
   * @param into a direct buffer, filled to its limit
   */
  void read(ChunkName name, int lengthBytes, int from, ByteBuffer into) throws IOException {
    if (copyKept(name, lengthBytes, from, into)) {
      return;
    }
    ChunkOpener free = openers.poll();
    ChunkOpener opener = free == null ? new ChunkOpener(files, key) : free;
    try {
      if (into.remaining() == lengthBytes) {
        opener.read(name, into);
        into.position(into.limit());
      } else {
        ByteBuffer whole = bufferOf(lengthBytes);
        opener.read(name, whole);
        into.put(whole.duplicate().position(from).limit(from + into.remaining()));
        keep(name, whole);
      }
    } finally {
      openers.add(opener);
    }
  }

  private boolean copyKept(ChunkName name, int lengthBytes, int from, ByteBuffer into) {
    synchronized (kept) {
      ByteBuffer whole = kept.get(name);
      // A manifest that gives one chunk two lengths lies; reading it says so.
      if (whole == null || whole.limit() != lengthBytes) {
        return false;
      }
      into.put(whole.duplicate().position(from).limit(from + into.remaining()));
      return true;
    }
  }

  /** The one that was not used for the longest time, once there are enough. */
  private ByteBuffer bufferOf(int lengthBytes) {
    synchronized (kept) {
      if (kept.size() >= KEPT) {
        ChunkName oldest = kept.keySet().iterator().next();
        ByteBuffer buffer = kept.remove(oldest);
        if (buffer != null) {
          return buffer.clear().limit(lengthBytes);
        }
      }
    }
    return ByteBuffer.allocateDirect(files.chunkBytes()).limit(lengthBytes);
  }

  private void keep(ChunkName name, ByteBuffer whole) {
    synchronized (kept) {
      kept.put(name, whole);
    }
  }

  @Override
  public void close() {
    openers.forEach(ChunkOpener::close);
    openers.clear();
  }
}
