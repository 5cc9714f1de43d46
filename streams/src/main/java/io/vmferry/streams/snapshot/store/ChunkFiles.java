package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Where the files of chunks lie.
 *
 * <p>Thread-safe.
 */
public interface ChunkFiles {
  /** The store they belong to, as a user calls it. */
  String location();

  /** The most plain bytes of a chunk. */
  int chunkBytes();

  /**
   * Reads the file of a chunk, whatever is in it.
   *
   * @param into a direct buffer with room for {@link ChunkHeader#mostBytes}
   * @throws SnapshotException with the chunk named, if there is none, or it does not fit
   */
  void read(ChunkName name, ByteBuffer into) throws IOException;
}
