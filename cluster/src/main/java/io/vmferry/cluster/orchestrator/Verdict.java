package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.vm.FailureCode;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a migration ended, from what both sides said. Pure. The location is never a guess: SOURCE
 * only if a side that can know says so (the source itself, or a destination that is certain it will
 * not run the guest) and the source's node was heard of at the end; DESTINATION only if one side
 * says that the guest was handed over; UNKNOWN if nobody knows, or if what is said does not go
 * together.
 *
 * @param outcome how it ended
 * @param failure why, unless it completed
 * @param location where the guest is
 */
record Verdict(
    MigrationOutcome outcome, @Nullable MigrationFailure failure, GuestLocation location) {

  /**
   * Judges.
   *
   * @param record the migration up to now
   * @param handedOver whether a side was seen in postcopy: the guest runs on the destination then
   * @param wasPaused whether the guest was paused when the migration was asked for
   * @param source what is known of the source
   * @param destination what is known of the destination
   * @param destinationFirst whether the destination's end came before the source's: it is the cause
   */
  static Verdict of(
      MigrationRecord record,
      boolean handedOver,
      boolean wasPaused,
      SideState source,
      SideState destination,
      boolean destinationFirst) {
    return new Judge(record, handedOver, wasPaused, source, destination, destinationFirst).judge();
  }

  /** Of a migration whose orchestrator was lost, by node or by fault: nobody heard how it ended. */
  static Verdict unfollowed(MigrationRecord record) {
    return unfollowed(record, "The orchestrator was lost while it followed this migration");
  }

  /** Of a migration followed from a node that was removed from the cluster meanwhile. */
  static Verdict unfollowedFrom(String node, MigrationRecord record) {
    return unfollowed(
        record, "Node " + node + " was removed from the cluster while it followed this migration");
  }

  private static Verdict unfollowed(MigrationRecord record, String why) {
    MigrationFailure failure =
        new MigrationFailure(
            record.id(),
            record.vm(),
            FailureCode.PEER_LOST,
            record.phase(),
            why
                + "; the sessions on "
                + record.from()
                + " and "
                + record.to()
                + " run to their own end, look there.",
            GuestLocation.UNKNOWN,
            false);
    return new Verdict(MigrationOutcome.FAILED, failure, GuestLocation.UNKNOWN);
  }

  private record Judge(
      MigrationRecord record,
      boolean handedOver,
      boolean wasPaused,
      SideState source,
      SideState destination,
      boolean destinationFirst) {

    Verdict judge() {
      GuestLocation location = location();
      if (sidesDisagree()) {
        return failed(location, disagreement());
      }
      if (location != GuestLocation.DESTINATION) {
        return cancelledInTime(location) ? cancelled() : failed(location, cause());
      }
      if (!(destination instanceof SideState.Finished arrived)) {
        return failed(location, cause());
      }
      if (source instanceof SideState.Failed lost) {
        return failed(
            location,
            cause(
                lost.failure().code(),
                lost.failure().phase(),
                "The guest arrived whole, but the source did not learn it and keeps a paused copy"
                    + " that must not be resumed ("
                    + lost.failure().reason()
                    + ")"));
      }
      return record.params().verify()
          ? compare(arrived.summary().memoryDigest())
          : new Verdict(MigrationOutcome.COMPLETED, null, location);
    }

    private Verdict compare(@Nullable String arrived) {
      String sent =
          source instanceof SideState.Finished finished ? finished.summary().memoryDigest() : null;
      if (sent != null && sent.equals(arrived)) {
        return new Verdict(MigrationOutcome.COMPLETED, null, GuestLocation.DESTINATION);
      }
      String reason =
          sent == null || arrived == null
              ? "The guest arrived, but its memory could not be verified: "
                  + (sent == null ? record.from() : record.to())
                  + " gave no digest."
              : "MEMORY DIFFERS: the guest's memory has digest "
                  + arrived
                  + " on "
                  + record.to()
                  + " and had "
                  + sent
                  + " on "
                  + record.from()
                  + "; do not trust this guest.";
      FailureCode code =
          source instanceof SideState.Lost ? FailureCode.PEER_LOST : FailureCode.INTERNAL;
      return failed(GuestLocation.DESTINATION, cause(code, MigrationPhase.ENDED, reason));
    }

    private GuestLocation location() {
      Set<GuestLocation> said = said();
      GuestLocation only = said.size() == 1 ? said.iterator().next() : GuestLocation.UNKNOWN;
      // A destination that has no guest does not know that a source nobody heard still has it.
      boolean unheard = source instanceof SideState.Lost || source instanceof SideState.Silent;
      return only == GuestLocation.SOURCE && unheard ? GuestLocation.UNKNOWN : only;
    }

    /** What those who know say: nothing, one place, or two if somebody is wrong. */
    private Set<GuestLocation> said() {
      Set<GuestLocation> said = EnumSet.of(sourceSays(), destinationSays());
      if (handedOver) {
        said.add(GuestLocation.DESTINATION);
      }
      said.remove(GuestLocation.UNKNOWN);
      return said;
    }

    private GuestLocation sourceSays() {
      if (source instanceof SideState.NotAsked) {
        return GuestLocation.SOURCE;
      }
      if (source instanceof SideState.Finished) {
        return GuestLocation.DESTINATION;
      }
      return source instanceof SideState.Failed failed
          ? failed.failure().guestLocation()
          : GuestLocation.UNKNOWN;
    }

    private GuestLocation destinationSays() {
      if (destination instanceof SideState.Finished) {
        return GuestLocation.DESTINATION;
      }
      return destination instanceof SideState.Failed failed
          ? failed.failure().guestLocation()
          : GuestLocation.UNKNOWN;
    }

    private boolean sidesDisagree() {
      return said().size() > 1;
    }

    private boolean cancelledInTime(GuestLocation location) {
      return record.cancelRequested()
          && location == GuestLocation.SOURCE
          && (source instanceof SideState.NotAsked
              || (source instanceof SideState.Failed failed
                  && failed.failure().code() == FailureCode.CANCELLED));
    }

    private Verdict cancelled() {
      Cause cause = cause(FailureCode.CANCELLED, record.phase(), "The migration was cancelled.");
      return new Verdict(
          MigrationOutcome.CANCELLED, failure(GuestLocation.SOURCE, cause), GuestLocation.SOURCE);
    }

    private Verdict failed(GuestLocation location, Cause cause) {
      return new Verdict(MigrationOutcome.FAILED, failure(location, cause), location);
    }

    private MigrationFailure failure(GuestLocation location, Cause cause) {
      return new MigrationFailure(
          record.id(),
          record.vm(),
          cause.code(),
          cause.phase(),
          cause.reason(),
          location,
          guestPaused(location));
    }

    private boolean guestPaused(GuestLocation location) {
      if (location == GuestLocation.SOURCE) {
        return source instanceof SideState.Failed failed
            ? failed.failure().guestPaused()
            : wasPaused;
      }
      if (location == GuestLocation.DESTINATION) {
        return destination instanceof SideState.Failed failed
            ? failed.failure().guestPaused()
            : wasPaused;
      }
      return false;
    }

    /** Why: the side that ended badly first, and what became of the other if it was lost. */
    private Cause cause() {
      Cause ofSource = cause(source, record.from());
      Cause ofDestination = cause(destination, record.to());
      if (ofSource != null && (ofDestination == null || !destinationFirst)) {
        return ofSource;
      }
      return ofDestination != null ? ofDestination : disagreement();
    }

    private Cause disagreement() {
      return cause(
          FailureCode.INTERNAL,
          record.phase(),
          "Nodes "
              + record.from()
              + " and "
              + record.to()
              + " do not agree on who has the guest; look at both before anything else.");
    }

    private @Nullable Cause cause(SideState side, String node) {
      if (side instanceof SideState.Failed failed) {
        MigrationFailure f = failed.failure();
        return cause(f.code(), f.phase(), "Node " + node + ": " + f.reason());
      }
      if (side instanceof SideState.Lost) {
        return cause(
            FailureCode.PEER_LOST,
            record.phase(),
            "Node " + node + " was lost while the migration ran.");
      }
      return side instanceof SideState.Silent
          ? cause(
              FailureCode.PEER_SILENT,
              record.phase(),
              "Node " + node + " did not say in time how its side ended.")
          : null;
    }

    private static Cause cause(FailureCode code, MigrationPhase phase, String reason) {
      return new Cause(code, phase, reason.endsWith(".") ? reason : reason + ".");
    }
  }

  private record Cause(FailureCode code, MigrationPhase phase, String reason) {}
}
