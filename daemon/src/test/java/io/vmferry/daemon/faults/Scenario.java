package io.vmferry.daemon.faults;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One migration with a fault, or with a second one while it recovers from the first.
 *
 * @param first what breaks the migration to begin with; null for nothing
 * @param trap what goes wrong, and where
 * @param side the process that breaks; for a fault of the link the one that the message comes from
 */
record Scenario(Mode mode, @Nullable Trap first, Trap trap, Side side) {
  static Scenario link(Mode mode, Trap trap) {
    return new Scenario(mode, null, trap, trap.kind().sender());
  }

  /** In the order in which they strike. */
  List<Trap> traps() {
    return first == null ? List.of(trap) : List.of(first, trap);
  }

  Fault fault() {
    return trap.fault();
  }

  /**
   * Whether memory can be damaged by it, which the digests must tell then: nothing else protects
   * the bytes without TLS.
   */
  boolean mayDamage() {
    return trap.fault() == Fault.FLIP_HEADER || trap.fault() == Fault.FLIP_PAGES;
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
            "%s, %s%s %d: %s",
            mode,
            first == null ? "" : "recovering, ",
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
