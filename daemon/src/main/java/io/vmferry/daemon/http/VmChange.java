package io.vmferry.daemon.http;

/** The last segment of a route that changes a VM. */
public enum VmChange {
  /** Starts a created VM. */
  BOOT,
  /** Stops its vCPUs. */
  PAUSE,
  /** Lets them go on. */
  RESUME,
  /** Resumes a guest of which nobody knows whether it runs elsewhere. */
  TAKE_OVER,
  /** Takes a migration up again that broke after the handover. */
  RECOVER
}
