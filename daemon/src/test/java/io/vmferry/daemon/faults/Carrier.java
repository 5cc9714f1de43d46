package io.vmferry.daemon.faults;

import io.vmferry.streams.wire.ConnectionRole;

/** What a proxied connection is for. */
enum Carrier {
  /** The first connection of a migration. */
  MAIN,
  /** Role 1. */
  MEMORY,
  /** Role 2: its requests come from the destination. */
  FAULT,
  /** Role 3: its requests are not answered. */
  PUSH,
  /** Role 4: takes a broken migration up again. */
  RESUME,
  /** Role 5: signs of life. */
  HEARTBEAT,
  /** A role that this build does not know; its bytes pass as they are. */
  OTHER;

  static Carrier of(ConnectionRole role) {
    return switch (role) {
      case PRECOPY_MEMORY -> MEMORY;
      case FAULT -> FAULT;
      case PUSH -> PUSH;
      case RESUME -> RESUME;
      case HEARTBEAT -> HEARTBEAT;
    };
  }

  /** Whether requests of such a connection come from this side of the migration. */
  boolean asks(Side side) {
    return (this == FAULT) == (side == Side.DESTINATION);
  }
}
