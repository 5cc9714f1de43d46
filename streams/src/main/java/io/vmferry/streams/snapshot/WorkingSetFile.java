package io.vmferry.streams.snapshot;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Where a snapshot's {@link WorkingSet}, or what belongs to it, is kept. Anything may be in it. */
public interface WorkingSetFile {
  /**
   * The bytes that are kept.
   *
   * @return null if there are none; a file that is too long is cut one byte behind the most that it
   *     may have
   * @throws IOException if they cannot be read
   */
  byte @Nullable [] read() throws IOException;

  /**
   * Keeps other bytes instead, in one step.
   *
   * @throws IOException if they cannot be written; the old ones are there then
   */
  void replace(byte[] bytes) throws IOException;
}
