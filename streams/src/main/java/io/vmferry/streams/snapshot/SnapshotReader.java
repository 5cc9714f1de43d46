package io.vmferry.streams.snapshot;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import java.util.UUID;
import org.apache.pekko.util.ByteString;

/**
 * A whole snapshot, opened, wherever it is kept.
 *
 * <p>Thread-safe, but for {@link #close}.
 */
public interface SnapshotReader extends AutoCloseable {
  /** The configuration, with its bytes as they came. */
  VmMigrationConfig config();

  /** The state, byte for byte. */
  ByteString state();

  /**
   * The memory of a slot.
   *
   * @throws IllegalArgumentException if the configuration has no such slot
   */
  MemorySource memory(GuestRamMapping slot);

  /** Tells this snapshot from every other that is, was or will be in its place. */
  UUID generation();

  /** Where its working set is kept. */
  WorkingSetFile workingSet();

  @Override
  void close();
}
