package io.vmferry.daemon.faults;

import static io.vmferry.daemon.faults.Verdict.KEPT_UNCONFIRMED;
import static io.vmferry.daemon.faults.Verdict.LOST_WITH_PROCESS;
import static io.vmferry.daemon.faults.Verdict.MOVED;
import static io.vmferry.daemon.faults.Verdict.RUNS_UNCONFIRMED;
import static io.vmferry.daemon.faults.Verdict.STAYED;
import static io.vmferry.daemon.faults.Verdict.WAITS;

import io.vmferry.streams.wire.Command;
import java.util.EnumSet;
import java.util.Set;

/** Where the guest may be after a scenario: one place, which depends on how far it had come. */
final class Expectation {
  private enum Stage {
    /** The source has not asked the destination to run the guest. */
    BEFORE,
    /** Only the destination knows. */
    HANDOVER,
    /** The destination runs it and fetches pages. */
    FETCHING
  }

  private Expectation() {}

  static Set<Verdict> of(Scenario scenario) {
    Fault fault = scenario.fault();
    if (fault.isBearable()) {
      return EnumSet.of(MOVED);
    }
    Stage stage = stage(scenario);
    Set<Verdict> legal =
        switch (stage) {
          case BEFORE -> before(scenario);
          case HANDOVER -> EnumSet.of(STAYED, MOVED, RUNS_UNCONFIRMED, KEPT_UNCONFIRMED);
          case FETCHING -> EnumSet.of(MOVED);
        };
    // A broken postcopy: the guest waits, the source keeps every page.
    if (scenario.mode().fetchesPages() && (stage != Stage.BEFORE || mayReachHandover(fault))) {
      legal.add(WAITS);
    }
    if (mayBeLost(scenario, stage)) {
      legal.add(LOST_WITH_PROCESS);
    }
    return legal;
  }

  private static Set<Verdict> before(Scenario scenario) {
    return switch (scenario.fault()) {
      case CUT, CUT_ALL, REFUSE -> EnumSet.of(STAYED);
      // Whoever was stopped finds the migration failed by its peer.
      case STOP, STALL, HALF_CLOSE -> EnumSet.of(STAYED, MOVED);
      case KILL ->
          scenario.side() == Side.DESTINATION ? EnumSet.of(STAYED) : EnumSet.noneOf(Verdict.class);
      // An answer that comes twice is taken for the next one: version 0 numbers nothing.
      case DUPLICATE, REORDER, FLIP_HEADER, FLIP_PAGES, FULL, NO_DESCRIPTORS ->
          EnumSet.of(STAYED, MOVED, RUNS_UNCONFIRMED, KEPT_UNCONFIRMED);
      case DELAY, FREEZE -> EnumSet.of(MOVED);
    };
  }

  private static boolean mayReachHandover(Fault fault) {
    return fault != Fault.CUT_ALL && fault != Fault.KILL && fault != Fault.REFUSE;
  }

  /** Only a process that was killed may take the guest with it, and only where it had it. */
  private static boolean mayBeLost(Scenario scenario, Stage stage) {
    boolean fetches = scenario.mode().fetchesPages();
    if (scenario.kills(Side.SOURCE)) {
      return switch (stage) {
        case BEFORE -> true;
        // Not once Complete has reached the destination, which then has all of the guest.
        case HANDOVER ->
            fetches || (!scenario.trap().kind().answer() && scenario.trap().place() != Place.AFTER);
        case FETCHING -> fetches;
      };
    }
    return scenario.kills(Side.DESTINATION)
        && (stage == Stage.FETCHING
            || (stage == Stage.HANDOVER && (fetches || scenario.trap().kind().answer())));
  }

  private static Stage stage(Scenario scenario) {
    MessageKind kind = scenario.trap().kind();
    if (kind.command() == null) {
      return kind.carrier() == Carrier.PUSH ? Stage.FETCHING : Stage.BEFORE;
    }
    if (kind.carrier() == Carrier.MAIN) {
      return kind.command() == Command.COMPLETE ? Stage.HANDOVER : Stage.BEFORE;
    }
    return kind.carrier() == Carrier.MEMORY ? Stage.BEFORE : Stage.FETCHING;
  }
}
