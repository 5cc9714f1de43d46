package io.vmferry.actors.migration;

/** How guest memory reaches the destination. */
public enum MemoryMode {
  /** Copied in rounds while the guest runs on the source. */
  PRECOPY,
  /** Fetched on fault, and in the background, while the guest runs on the destination. */
  POSTCOPY,
  /** Precopy, until another round would gain too little; then postcopy of what is still dirty. */
  HYBRID,
  /** Handed over as descriptors through a UNIX socket; one host, nothing is copied. */
  LOCAL;

  /** Whether memory is sent while the guest runs on the source. */
  boolean hasRounds() {
    return this == PRECOPY || this == HYBRID;
  }

  /** Whether the guest may run on the destination before its memory is there. */
  boolean mayLackPages() {
    return this == POSTCOPY || this == HYBRID;
  }
}
