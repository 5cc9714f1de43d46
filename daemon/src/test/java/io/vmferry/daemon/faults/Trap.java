package io.vmferry.daemon.faults;

import org.jspecify.annotations.Nullable;

/**
 * A fault at one message.
 *
 * @param nth counts messages of the kind over all connections, from 1
 * @param until for REORDER: the message that must pass first
 * @param seed chooses what is left open: the bit, the middle
 */
record Trap(
    MessageKind kind, int nth, Place place, Fault fault, @Nullable MessageKind until, long seed) {
  static Trap at(MessageKind kind, int nth, Place place, Fault fault) {
    return new Trap(kind, nth, place, fault, null, 1);
  }
}
