package io.vmferry.streams.snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Where the memory of one slot is read from, by offsets from the slot's first byte. What is no data
 * is a hole: zeros that need not be read.
 *
 * <p>Thread-safe.
 */
public interface MemorySource {
  /** The slot's size in bytes, holes included. */
  long sizeBytes();

  /**
   * The first offset at or behind {@code offset} that holds data, or -1 if only holes follow.
   *
   * @throws IOException if it cannot be told
   */
  long nextData(long offset) throws IOException;

  /**
   * The first offset at or behind {@code offset} that is a hole; the end counts as one.
   *
   * @throws IOException if it cannot be told
   */
  long nextHole(long offset) throws IOException;

  /**
   * Fills a buffer. Nothing of it may be used if this throws.
   *
   * @param destination a direct buffer; it is filled to its limit
   * @throws IOException if the bytes cannot be had, or are not those that were kept
   */
  void readAt(long offset, ByteBuffer destination) throws IOException;

  /** Says that bytes are read soon, so that they may be brought near meanwhile. Does not wait. */
  default void prefetch(long offset, long lengthBytes) {}

  /**
   * Whether everything is there still that was there at first: of a file that somebody cuts short
   * while it is read, {@link #nextData} makes holes.
   *
   * @throws IOException if it cannot be told
   */
  boolean isWhole() throws IOException;
}
