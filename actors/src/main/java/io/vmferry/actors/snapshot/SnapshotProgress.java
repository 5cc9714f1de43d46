package io.vmferry.actors.snapshot;

/** Follows a snapshot session; called on the threads that do the work. */
public interface SnapshotProgress {
  /** Follows nothing. */
  SnapshotProgress NONE = new SnapshotProgress() {};

  /** The guest's size is known. */
  default void begins(long memoryBytes) {}

  /** So many bytes of memory more are done, holes included. */
  default void done(long memoryBytes) {}

  /**
   * The guest has all of its memory, and pages of its working set are kept together now, so many
   * bytes: {@link #done} counts these from here on.
   */
  default void packs(long memoryBytes) {}

  /** Something went wrong that does not matter to the guest; one sentence for the user. */
  default void warns(String sentence) {}
}
