package io.vmferry.daemon.node;

import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.http.ProblemException;
import org.jspecify.annotations.Nullable;

/** What a user is told went wrong: every problem body of the node is made here. */
final class Problems {
  private Problems() {}

  /** A request that was refused: nothing changed. */
  static ProblemException refused(FailureCode code, String reason) {
    return new ProblemException(status(code), Problem.of(code.name(), reason, hint(code)));
  }

  /** No migration of that id is known. */
  static ProblemException noSuchMigration(String id) {
    return new ProblemException(
        404,
        Problem.of(
            "NO_SUCH_MIGRATION",
            "There is no migration " + id + " that this node or the orchestrator knows",
            null));
  }

  /** The actor that was asked did not answer in time. */
  static ProblemException noAnswer(String who) {
    return new ProblemException(
        503,
        Problem.of(
            "NO_ANSWER",
            who + " did not answer in time",
            "See what became of the request before you ask again, and look at the node's log"));
  }

  /** The body of a request has a value that cannot be used. */
  static ProblemException badValue(String message) {
    return new ProblemException(400, Problem.of("BAD_REQUEST", message, null));
  }

  /** The orchestrator that ran a migration is gone, and its successor does not know it. */
  static Problem unfollowed(MigrationView migration) {
    return new Problem(
        FailureCode.PEER_LOST.name(),
        "The orchestrator of migration " + migration.id() + " was lost, and nobody saw its end",
        GuestLocation.UNKNOWN,
        "Look for the guest with 'vmferry vm list' on both nodes",
        migration.id());
  }

  /** A migration that ended without success. */
  static Problem of(MigrationFailure failure) {
    StringBuilder message = new StringBuilder("Migration ").append(failure.migrationId());
    if (!failure.vm().isEmpty()) {
      message.append(" of VM ").append(failure.vm());
    }
    if (failure.code() == FailureCode.CANCELLED) {
      message.append(" was cancelled").append(during(failure.phase()));
    } else {
      message.append(" stopped").append(during(failure.phase()));
      message.append(": ").append(failure.reason());
    }
    GuestLocation location = GuestLocation.valueOf(failure.guestLocation().name());
    return new Problem(
        failure.code().name(),
        message.toString(),
        location,
        hint(failure, location),
        failure.migrationId());
  }

  private static String during(MigrationPhase phase) {
    return switch (phase) {
      case CONNECTING -> " before it began";
      case PREPARING -> " while both sides prepared";
      case PRECOPY -> " in precopy";
      case SWITCHOVER -> " in the switchover";
      case POSTCOPY -> " in postcopy";
      case RECOVERING -> " while it reconnected";
      case ENDED -> "";
    };
  }

  private static @Nullable String hint(MigrationFailure failure, GuestLocation location) {
    if (failure.guestPaused() && location != GuestLocation.UNKNOWN) {
      return "It is paused there: 'vmferry vm resume "
          + failure.vm()
          + "' at that node lets it go on";
    }
    if (location == GuestLocation.UNKNOWN && failure.guestPaused()) {
      return "Look at the destination first; if it certainly does not run there, 'vmferry vm resume "
          + failure.vm()
          + " --take-over' at the source lets it go on";
    }
    return failure.code() == FailureCode.CANCELLED ? null : hint(failure.code());
  }

  private static @Nullable String hint(FailureCode code) {
    return switch (code) {
      case NO_SUCH_VM -> "'vmferry vm list' and 'vmferry cluster status' show what there is";
      case NAME_TAKEN -> "Choose another name, or delete that VM first";
      case NOT_ENOUGH_MEMORY ->
          "Ask for less, stop other guests, or reserve hugepages; 'vmferry doctor' shows what is"
              + " free";
      case NO_HYPERVISOR -> "'vmferry doctor' on that host says what to do";
      case ADDRESS_UNUSABLE -> "Give another address, or end what uses this one";
      case PEER_UNREACHABLE ->
          "Check that the destination waits at that address and that the network lets it through";
      case PEER_LOST, PEER_SILENT, PEER_REFUSED -> "Look at the other node's log, then start again";
      case INCOMPATIBLE_CPU -> "Choose a destination whose CPU has what the guest was given";
      case NOT_CONVERGED ->
          "Give it more time or bandwidth, a longer downtime, or use --mode hybrid or postcopy";
      case PROTOCOL_VIOLATION, INTERNAL -> "Look at the logs of both nodes";
      case INVALID_REQUEST, WRONG_STATE, CANCELLED, INCOMPATIBLE_GUEST, GUEST_FAILED -> null;
    };
  }

  private static int status(FailureCode code) {
    return switch (code) {
      case INVALID_REQUEST -> 400;
      case NO_SUCH_VM -> 404;
      case NAME_TAKEN, WRONG_STATE, CANCELLED, GUEST_FAILED -> 409;
      case INCOMPATIBLE_CPU, INCOMPATIBLE_GUEST, NOT_CONVERGED -> 409;
      case NOT_ENOUGH_MEMORY, NO_HYPERVISOR, ADDRESS_UNUSABLE -> 503;
      case PEER_UNREACHABLE, PEER_LOST, PEER_SILENT, PEER_REFUSED, PROTOCOL_VIOLATION -> 502;
      case INTERNAL -> 500;
    };
  }
}
