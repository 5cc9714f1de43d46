package io.vmferry.daemon.faults;

/** Where at a message a fault strikes. */
enum Place {
  BEFORE,
  /** After a part of it: the receiver has begun to read. */
  MIDDLE,
  AFTER
}
