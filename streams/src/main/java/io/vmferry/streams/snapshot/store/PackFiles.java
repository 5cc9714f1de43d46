package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The files of the {@link StorePack} of one snapshot: a table, and chunks that are not those of
 * snapshots. They are not durable, go with the snapshot, and are written only while it is held.
 */
public interface PackFiles extends ChunkFiles {
  /** The {@link PackTable}, or what lies in its place. */
  WorkingSetFile table();

  /**
   * Keeps the file of a chunk, instead of one of its name.
   *
   * @throws IOException if it cannot be written; there is none then, or the old one
   */
  void write(ChunkName name, ByteBuffer file) throws IOException;
}
