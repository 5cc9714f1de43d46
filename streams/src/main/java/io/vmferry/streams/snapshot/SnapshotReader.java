package io.vmferry.streams.snapshot;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import java.util.UUID;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

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

  /**
   * Where the pages of its working set are kept together; null if they are read as fast where they
   * are.
   */
  default @Nullable PackedPages packedPages() {
    return null;
  }

  @Override
  void close();
}
