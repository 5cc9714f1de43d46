package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.util.List;
import java.util.UUID;

/**
 * Where chunks and manifests are kept: on this machine or on another. It handles files as they are
 * and needs no key; {@link ChunkedWriter} makes them, {@link ChunkedReader} believes none of them.
 *
 * <p>Thread-safe, but for {@link #close}.
 */
public interface ChunkStore extends ChunkFiles, AutoCloseable {
  /**
   * Size of the chunks that new snapshots are cut into, in bytes; the last of a slot is shorter.
   */
  @Override
  int chunkBytes();

  /** The names of its snapshots, sorted. */
  List<String> names() throws IOException;

  /**
   * The manifest of a snapshot.
   *
   * @throws SnapshotException if there is none of that name
   */
  byte[] manifest(String name) throws IOException;

  /**
   * Keeps a snapshot from being removed until the result is closed.
   *
   * @throws SnapshotException if there is none of that name
   */
  Hold hold(String name) throws IOException;

  /**
   * Where the working set of the snapshot with a generation is kept; it goes with that snapshot. It
   * is replaced only while the snapshot is held.
   */
  WorkingSetFile workingSet(UUID generation);

  /** Where the pages of that working set are kept together. */
  PackFiles pack(UUID generation);

  /**
   * Begins a snapshot.
   *
   * @throws SnapshotException if there is one of that name, or the store cannot be written to
   */
  StoreUpload begin(String name) throws IOException;

  /**
   * Removes a snapshot. What only it needed is removed by {@link #collect}.
   *
   * @throws SnapshotException if there is none of that name, or somebody holds it
   */
  void remove(String name) throws IOException;

  /**
   * Removes what no snapshot needs: chunks, and what writers that have died left behind.
   *
   * @param dryRun only count it
   * @throws SnapshotException if a snapshot is being written now, or a manifest cannot be read: it
   *     might need any chunk
   */
  Garbage collect(boolean dryRun) throws IOException;

  @Override
  void close();

  /** A snapshot that stays. */
  interface Hold extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * What {@link #collect} found.
   *
   * @param chunks files of chunks
   * @param bytes in them
   */
  record Garbage(long chunks, long bytes) {}
}
