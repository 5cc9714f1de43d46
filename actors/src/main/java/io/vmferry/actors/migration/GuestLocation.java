package io.vmferry.actors.migration;

/**
 * Where the guest is after a migration ended, as far as the reporting side knows; never a guess.
 */
public enum GuestLocation {
  /** On the source, running or paused as it was before. */
  SOURCE,
  /** On the destination. */
  DESTINATION,
  /** The peer was lost during the switchover: one of the two, and this side cannot tell which. */
  UNKNOWN
}
