package io.vmferry.daemon.faults;

import java.util.Locale;

/**
 * One migration with one fault.
 *
 * @param trap what goes wrong, and where
 * @param side the process that breaks; for a fault of the link the one that the message comes from
 */
record Scenario(Mode mode, Trap trap, Side side) {
  static Scenario link(Mode mode, Trap trap) {
    return new Scenario(mode, trap, trap.kind().sender());
  }

  Fault fault() {
    return trap.fault();
  }

  /** Whether the process of a side is killed. */
  boolean kills(Side of) {
    return fault() == Fault.KILL && side == of;
  }

  @Override
  public String toString() {
    String where =
        String.format(
            Locale.ROOT,
            "%s, %s %d: %s",
            mode,
            trap.kind(),
            trap.nth(),
            trap.fault().name().toLowerCase(Locale.ROOT).replace('_', ' '));
    return switch (trap.fault()) {
      case FLIP_HEADER, FLIP_PAGES -> where + " (seed " + trap.seed() + ")";
      case DUPLICATE, REFUSE -> where;
      case REORDER -> where + " behind " + trap.until();
      default ->
          where
              + " "
              + trap.place().name().toLowerCase(Locale.ROOT)
              + (trap.fault().breaksProcess() ? ", " + side.name().toLowerCase(Locale.ROOT) : "");
    };
  }
}
