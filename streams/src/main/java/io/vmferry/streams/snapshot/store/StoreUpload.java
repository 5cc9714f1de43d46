package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.Set;

/**
 * One snapshot on its way into a store. Nothing of it is seen before {@link #commit}, and what the
 * store has is not removed meanwhile.
 *
 * <p>Thread-safe; {@link #close} makes calls under way fail.
 */
public interface StoreUpload extends AutoCloseable {
  /** Which of these the store lacks, and this snapshot has not brought yet. */
  Set<ChunkName> lacking(Collection<ChunkName> names) throws IOException;

  /**
   * Brings a chunk.
   *
   * @param file its whole file, from position to limit; a direct buffer
   * @return bytes that it takes; 0 if it came meanwhile
   * @throws SnapshotException if there is no room
   */
  long put(ChunkName name, ByteBuffer file) throws IOException;

  /**
   * Makes it a snapshot of the store. When this returns it is whole and durable there.
   *
   * @throws SnapshotException if it cannot, or another of its name came first
   */
  void commit(byte[] manifest) throws IOException;

  /** Gives up what was not committed; any thread. */
  @Override
  void close();
}
