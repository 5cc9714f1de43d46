package io.vmferry.actors.migration;

/** What a migration session is doing, on either side. */
public enum MigrationPhase {
  /** Source: connecting. Destination: waiting for the source. */
  CONNECTING,
  /** Version, configuration and CPU features are being agreed. */
  PREPARING,
  /** Memory is copied while the guest runs on the source. */
  PRECOPY,
  /** The guest is paused and changes hands. */
  SWITCHOVER,
  /** The guest runs on the destination while its remaining pages follow. */
  POSTCOPY,
  /**
   * The link broke after the guest was handed over; both sides keep what they have, and the source
   * reconnects.
   */
  RECOVERING,
  /** Over, with a summary or a failure. */
  ENDED
}
