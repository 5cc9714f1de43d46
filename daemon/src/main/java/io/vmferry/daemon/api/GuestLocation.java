package io.vmferry.daemon.api;

/**
 * Which side of a migration holds the guest. Never a guess: {@code UNKNOWN} where it is not
 * certain.
 */
public enum GuestLocation {
  /** The guest is on the source, as if there had been no migration. */
  SOURCE,
  /** The guest was handed over and belongs to the destination. */
  DESTINATION,
  /** The peer was lost during switchover; the source keeps the guest paused until it is certain. */
  UNKNOWN
}
