package io.vmferry.streams.snapshot;

import io.vmferry.streams.config.GuestRamMapping;
import java.io.IOException;
import java.util.function.LongConsumer;

/** Copies a snapshot from where it is kept to somewhere else, whatever the two are. */
public final class SnapshotCopy {
  private SnapshotCopy() {}

  /**
   * Copies and commits.
   *
   * @param progress told how many bytes of memory are done, holes included; from several threads
   * @throws IOException if the snapshot cannot be read or written; the writer is to be closed then
   */
  public static void run(SnapshotReader from, SnapshotWriter to, LongConsumer progress)
      throws IOException {
    to.config(from.config().raw());
    to.state(from.state());
    for (GuestRamMapping slot : from.config().mappings()) {
      to.memory(slot, from.memory(slot), progress);
    }
    to.commit();
  }
}
