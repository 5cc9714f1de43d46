package io.vmferry.daemon.faults;

/** What goes wrong. */
enum Fault {
  /** The connection of the message is closed on both ends. */
  CUT,
  /** Every connection of the migration is closed: the link is down. */
  CUT_ALL,
  /** The receiver of the message reads the end of the stream; its own answers still pass. */
  HALF_CLOSE,
  /** Nothing passes on that connection in that direction any more. */
  STALL,
  /** The same for a time that everybody must bear. */
  DELAY,
  /** One bit of the request, of the answer or of the role header, or of the range table. */
  FLIP_HEADER,
  /** One bit of guest memory. */
  FLIP_PAGES,
  /** The message comes twice. */
  DUPLICATE,
  /** The message waits until one on another connection has passed. */
  REORDER,
  /** The source gets an error answer in place of the destination's. */
  REFUSE,
  /** A process ends at once (SIGKILL). */
  KILL,
  /** A process stops (SIGSTOP) for longer than the peer waits, and goes on (SIGCONT). */
  STOP,
  /** The same for a time that everybody must bear. */
  FREEZE,
  /** A process can write to no file any more: a full disk, and a host without memory (memfd). */
  FULL,
  /** A process gets no more descriptors: no connection, no memory, no device. */
  NO_DESCRIPTORS;

  /** Whether it is a process that breaks, not the link. */
  boolean breaksProcess() {
    return compareTo(KILL) >= 0;
  }

  /** Whether a migration must end as if nothing had been. */
  boolean isBearable() {
    return this == DELAY || this == FREEZE;
  }
}
