package io.vmferry.streams.pages;

/** What happens when precopy has not converged in time. */
public enum TimeoutStrategy {
  /** The migration is cancelled; the guest keeps running on the source. */
  CANCEL,
  /** The guest is moved all the same, with whatever downtime that takes. */
  IGNORE
}
