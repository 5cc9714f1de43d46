package io.vmferry.actors.vm;

/** Where a virtual machine is in its life; the transitions are drawn in docs/architecture.md. */
public enum LifeCycle {
  /** Configured; no guest code has run. */
  CREATED,
  /** vCPUs run guest code. */
  RUNNING,
  /** Every vCPU is outside KVM_RUN until a resume. */
  PAUSED,
  /** A migration session owns the guest, as source or as destination. */
  MIGRATING,
  /** The guest runs on another host; this side holds at most the pages it still serves. */
  HANDED_OVER,
  /**
   * The handover was sent and its answer was lost: paused until the other side is known, or not
   * here any more since the daemon ended.
   */
  HANDOVER_UNKNOWN,
  /** It ended with an earlier run of the daemon; only its record is left. */
  LOST,
  /** The guest ended by itself: shutdown or reset. */
  STOPPED,
  /** The guest cannot run on; the reason is in its information. */
  FAILED
}
