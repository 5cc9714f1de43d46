package io.vmferry.cluster.orchestrator;

/** How a migration ended. */
public enum MigrationOutcome {
  /** The guest is on the destination, and its memory was the same on both sides if compared. */
  COMPLETED,
  /** Anything else; the failure says what, and where the guest is. */
  FAILED,
  /** Somebody cancelled it in time; the guest is on the source. */
  CANCELLED
}
