package io.vmferry.daemon.faults;

/** One of the two processes. */
enum Side {
  SOURCE,
  DESTINATION;

  Side other() {
    return this == SOURCE ? DESTINATION : SOURCE;
  }
}
