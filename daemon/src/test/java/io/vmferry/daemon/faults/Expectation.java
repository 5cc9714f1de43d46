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
    /** At any time: signs of life. */
    BESIDE,
    /** The destination is asked. */
    HANDOVER,
    /** The destination has it, and all of it. */
    ARRIVED,
    /** The destination runs it and fetches pages. */
    FETCHING
  }

  private Expectation() {}

  static Set<Verdict> of(Scenario scenario) {
    if (scenario.fault().isBearable()) {
      return EnumSet.of(MOVED);
    }
    Stage stage = stage(scenario);
    Set<Verdict> legal =
        switch (stage) {
          case BEFORE -> before(scenario);
          case BESIDE, HANDOVER -> EnumSet.of(STAYED, MOVED);
          case ARRIVED, FETCHING -> EnumSet.of(MOVED);
        };
    if (scenario.fault() == Fault.KILL) {
      legal.addAll(afterKill(scenario, stage));
    }
    if (isUnrecoverable(scenario)) {
      legal.addAll(EnumSet.of(WAITS, RUNS_UNCONFIRMED, KEPT_UNCONFIRMED));
    }
    return legal;
  }

  private static Set<Verdict> before(Scenario scenario) {
    return switch (scenario.fault()) {
      // A memory connection that brings nothing more is not missed.
      case CUT ->
          scenario.trap().kind().carrier() == Carrier.MEMORY
              ? EnumSet.of(STAYED, MOVED)
              : EnumSet.of(STAYED);
      case CUT_ALL, REFUSE -> EnumSet.of(STAYED);
      case KILL ->
          scenario.side() == Side.DESTINATION ? EnumSet.of(STAYED) : EnumSet.noneOf(Verdict.class);
      // Whether it is noticed, and when, depends on the message. What comes twice on the main
      // connection is taken for the next answer: version 0 numbers nothing.
      default -> EnumSet.of(STAYED, MOVED);
    };
  }

  /** Only a process that was killed may take the guest with it, and only where it had it. */
  private static Set<Verdict> afterKill(Scenario scenario, Stage stage) {
    boolean fetches = scenario.mode().fetchesPages();
    MessageKind kind = scenario.trap().kind();
    if (scenario.side() == Side.SOURCE) {
      boolean mayBeLost =
          switch (stage) {
            case BEFORE, BESIDE -> true;
            // Not once Complete has reached the destination, which then has all of the guest.
            case HANDOVER -> fetches || !kind.answer();
            case ARRIVED -> false;
            case FETCHING -> fetches;
          };
      return mayBeLost ? EnumSet.of(LOST_WITH_PROCESS) : EnumSet.noneOf(Verdict.class);
    }
    return switch (stage) {
      case BEFORE -> EnumSet.noneOf(Verdict.class);
      // The source does not hear whether the guest ran there: it keeps it paused and says so.
      case BESIDE, HANDOVER, ARRIVED -> EnumSet.of(KEPT_UNCONFIRMED, LOST_WITH_PROCESS);
      case FETCHING -> EnumSet.of(KEPT_UNCONFIRMED, LOST_WITH_PROCESS);
    };
  }

  /** A flip can make the source a stranger, who is refused for good, or recovery unknown. */
  private static boolean isUnrecoverable(Scenario scenario) {
    MessageKind kind = scenario.trap().kind();
    return scenario.fault() == Fault.FLIP_HEADER
        && (kind.command() == Command.START
            || kind.command() == Command.IDENTIFY
            || kind.carrier() == Carrier.RESUME);
  }

  private static Stage stage(Scenario scenario) {
    MessageKind kind = scenario.trap().kind();
    boolean fetches = scenario.mode().fetchesPages();
    return switch (kind.carrier()) {
      case MAIN -> {
        if (kind.command() == Command.SETTLED) {
          yield fetches ? Stage.FETCHING : Stage.ARRIVED;
        }
        yield kind.command() == Command.COMPLETE ? Stage.HANDOVER : Stage.BEFORE;
      }
      case MEMORY -> Stage.BEFORE;
      case HEARTBEAT, OTHER -> Stage.BESIDE;
      case RESUME -> fetches ? Stage.FETCHING : Stage.ARRIVED;
      case PUSH -> Stage.FETCHING;
      case FAULT -> kind.command() == null ? Stage.BEFORE : Stage.FETCHING;
    };
  }
}
