package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.ZeroPages;
import io.vmferry.streams.snapshot.MemorySource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns bytes into chunks of an upload and notes their names in a table. The store is asked about
 * all chunks of one run at once, as it may be far away. One thread at a time.
 */
final class ChunkPacker implements AutoCloseable {
  private final StoreUpload upload;
  private final int chunkBytes;
  private final ChunkDigest digest;
  private final ChunkSealer sealer;
  private final ByteBuffer buffer;
  private long dataBytes;
  private long storedBytes;

  /**
   * A packer.
   *
   * @param mostChunks of one run
   */
  ChunkPacker(
      StoreUpload upload,
      int chunkBytes,
      int mostChunks,
      boolean compress,
      @Nullable StoreKey key) {
    this.upload = upload;
    this.chunkBytes = chunkBytes;
    this.digest = new ChunkDigest(key);
    this.sealer = new ChunkSealer(chunkBytes, compress, key);
    this.buffer = ByteBuffer.allocateDirect(chunkBytes * mostChunks);
  }

  /** Packs a run of whole chunks of a slot. */
  void pack(MemorySource source, PageRun run, ChunkTable table) throws IOException {
    buffer.clear().limit((int) run.lengthBytes());
    source.readAt(run.gpa(), buffer);
    pack(buffer.flip(), (int) (run.gpa() / chunkBytes), table);
  }

  /**
   * Packs what is in a buffer of this packer's size.
   *
   * @param bytes from 0 to its limit, a direct buffer
   * @param first the chunk that it begins with
   */
  void pack(ByteBuffer bytes, int first, ChunkTable table) throws IOException {
    Map<ChunkName, ByteBuffer> named = new LinkedHashMap<>();
    for (int at = 0; at < bytes.limit(); at += chunkBytes) {
      int length = Math.min(chunkBytes, bytes.limit() - at);
      ByteBuffer chunk = bytes.slice(at, length);
      if (!isZeros(chunk)) {
        ChunkName name = digest.of(chunk);
        table.set(first + at / chunkBytes, name);
        named.put(name, chunk);
        dataBytes += length;
      }
    }
    if (!named.isEmpty()) {
      Set<ChunkName> lacking = upload.lacking(named.keySet());
      for (ChunkName name : lacking) {
        ByteBuffer chunk = named.get(name);
        if (chunk != null) {
          storedBytes += upload.put(name, sealer.seal(name, chunk));
        }
      }
    }
  }

  private static boolean isZeros(ByteBuffer chunk) {
    int pages = chunk.limit() / ZeroPages.PAGE_BYTES * ZeroPages.PAGE_BYTES;
    for (int at = 0; at < pages; at += ZeroPages.PAGE_BYTES) {
      if (!ZeroPages.isZero(chunk, at)) {
        return false;
      }
    }
    for (int at = pages; at < chunk.limit(); at++) {
      if (chunk.get(at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** Bytes that were no zeros, by chunks. */
  long dataBytes() {
    return dataBytes;
  }

  /** Bytes that the store took. */
  long storedBytes() {
    return storedBytes;
  }

  @Override
  public void close() {
    sealer.close();
  }
}
