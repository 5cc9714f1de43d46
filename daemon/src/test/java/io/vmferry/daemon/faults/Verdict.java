package io.vmferry.daemon.faults;

import org.jspecify.annotations.Nullable;

/** Where the guest is in the end. */
enum Verdict {
  /** On the source, as if there had been no migration. */
  STAYED,
  /** On the destination. */
  MOVED,
  /** It runs on the destination; the source keeps it paused and says that it does not know. */
  RUNS_UNCONFIRMED,
  /** The source keeps it paused and says that it does not know; nobody else has it. */
  KEPT_UNCONFIRMED,
  /** It waits on the destination for pages that the source keeps. */
  WAITS,
  /** It went with the process that had it. */
  LOST_WITH_PROCESS,
  /** Nobody has it. */
  LOST,
  /** It runs in two places. */
  DOUBLED,
  /** A VM is in a state in which it must not stay. */
  STUCK;

  /** A VM that a node does not have. */
  static final String ABSENT = "absent";

  /** The node was killed. */
  static final String DEAD = "dead";

  /** Whether its guest must go on working. */
  boolean runs() {
    return this == STAYED || this == MOVED || this == RUNS_UNCONFIRMED;
  }

  /** The node it runs on, if it runs. */
  @Nullable Side place() {
    return runs() ? (this == STAYED ? Side.SOURCE : Side.DESTINATION) : null;
  }

  /**
   * From what both nodes say.
   *
   * @param source state of the VM there, {@link #ABSENT} or {@link #DEAD}
   */
  static Verdict of(String source, String destination) {
    boolean runsThere = destination.equals("running");
    boolean goneThere = destination.equals(ABSENT) || destination.equals(DEAD);
    return switch (source) {
      case "running" -> runsThere ? DOUBLED : goneThere ? STAYED : STUCK;
      case "handover-unknown" ->
          switch (destination) {
            case "running" -> RUNS_UNCONFIRMED;
            case "migrating" -> WAITS;
            default -> goneThere ? KEPT_UNCONFIRMED : STUCK;
          };
      case "handed-over" ->
          switch (destination) {
            case "running" -> MOVED;
            case "migrating" -> WAITS;
            case DEAD -> LOST_WITH_PROCESS;
            default -> LOST;
          };
      case ABSENT -> runsThere ? MOVED : destination.equals(DEAD) ? LOST_WITH_PROCESS : LOST;
      case DEAD -> runsThere ? MOVED : LOST_WITH_PROCESS;
      default -> STUCK;
    };
  }
}
