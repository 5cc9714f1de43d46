package io.vmferry.actors.ownership;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What an operator must know of a guest that is not simply here: one sentence, and what to do. */
public final class OwnershipNote {
  private OwnershipNote() {}

  /** Of a guest that this run of the daemon has; null if it is here. */
  public static @Nullable String ofThisRun(GuestRecord guest) {
    String name = guest.name();
    return switch (guest.place()) {
      case HANDOVER_UNKNOWN ->
          "It was handed over to "
              + destination(guest)
              + ", whose answer was lost: 'vmferry migrate --recover "
              + name
              + "' asks again; look there, and if it certainly does not run there, 'vmferry"
              + " vm resume "
              + name
              + " --take-over' lets it go on here.";
      case ENDED_THERE ->
          "It was handed over to "
              + destination(guest)
              + ", and ended when that node's daemon did: 'vmferry vm resume "
              + name
              + " --take-over' lets it go on here, as it was at the handover.";
      case HANDED_OVER ->
          "It is at "
              + destination(guest)
              + ", and this node keeps every page: 'vmferry migrate --recover "
              + name
              + "' brings those that it lacks.";
      case ARRIVING, HERE, LOST, STOPPED -> null;
    };
  }

  /** Of a guest that an earlier run of the daemon had. */
  public static String ofLastRun(GuestRecord guest) {
    String forget = "'vmferry vm delete " + guest.name() + "' forgets it.";
    return switch (guest.place()) {
      case ARRIVING, HERE, LOST ->
          guest.handover() == null
              ? "It was here when this node's daemon ended, and its memory ended with it; " + forget
              : "It was about to be handed over when this node's daemon ended, and its memory ended"
                  + " with it; "
                  + destination(guest)
                  + " has not taken it; "
                  + forget;
      case STOPPED -> "It was here when this node was told to stop, and ended with it; " + forget;
      case ENDED_THERE ->
          "It was handed over to "
              + destination(guest)
              + ", and ended when that node's daemon did; "
              + forget;
      case HANDOVER_UNKNOWN ->
          "This node's daemon ended while the guest was handed over to "
              + destination(guest)
              + ", and its memory here ended with it; whether it runs there nobody here knows:"
              + " 'vmferry migrate --recover "
              + guest.name()
              + "' asks again, or look there; then "
              + forget;
      case HANDED_OVER ->
          Objects.requireNonNull(guest.handover()).lacksPages()
              ? "It was handed over to "
                  + destination(guest)
                  + ", and the pages that it had not fetched yet ended with this node's daemon: unless"
                  + " it runs there, cancel its migration there; "
                  + forget
              : "It was handed over to " + destination(guest) + ", and is there; " + forget;
    };
  }

  private static String destination(GuestRecord guest) {
    Handover handover = Objects.requireNonNull(guest.handover(), "a handover without a record");
    return handover.destinationUrl() + " (migration " + handover.migrationId() + ")";
  }
}
