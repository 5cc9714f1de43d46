package io.vmferry.streams.snapshot;

import io.vmferry.streams.config.GuestRamMapping;
import java.io.IOException;
import java.util.function.LongConsumer;
import org.apache.pekko.util.ByteString;

/**
 * One snapshot on its way to where it is kept: there as a whole once {@link #commit} has returned,
 * and not at all before.
 *
 * <p>One thread at a time, but for {@link #close}.
 */
public interface SnapshotWriter extends AutoCloseable {
  /** Keeps the configuration, byte for byte. */
  void config(ByteString json) throws IOException;

  /** Keeps the state, byte for byte. */
  void state(ByteString json) throws IOException;

  /**
   * Keeps the memory of one slot; holes and zeros take no room.
   *
   * @param source the slot's memory, which nobody writes to
   * @param progress told how many bytes are done, holes included; from several threads
   */
  void memory(GuestRamMapping slot, MemorySource source, LongConsumer progress) throws IOException;

  /** Bytes that this snapshot's memory takes where it is kept. */
  long storedBytes();

  /**
   * Puts the snapshot in its place. When this returns it is whole and durable there.
   *
   * @throws SnapshotException if it cannot; there is what there was before then
   */
  void commit() throws IOException;

  /** Gives up a snapshot that was not committed and removes what was written of it; any thread. */
  @Override
  void close();
}
