package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.Problem;

/** A node's problem as the one line a user reads: what, where the guest is, what to do. */
final class ProblemText {
  private ProblemText() {}

  static String of(Problem problem) {
    StringBuilder text = new StringBuilder(sentence(problem.message()));
    GuestLocation location = problem.guestLocation();
    if (location != null) {
      text.append(' ').append(where(location));
    }
    String hint = problem.hint();
    if (hint != null && !hint.isBlank()) {
      text.append(' ').append(sentence(hint));
    }
    return text.toString();
  }

  static int exitCode(Problem problem) {
    return problem.guestLocation() == GuestLocation.UNKNOWN
        ? ExitCodes.GUEST_LOCATION_UNKNOWN
        : ExitCodes.FAILED;
  }

  /** Where the guest is, as a sentence. */
  static String where(GuestLocation location) {
    return switch (location) {
      case SOURCE -> "The guest is still on the source.";
      case DESTINATION -> "The guest is on the destination.";
      case UNKNOWN ->
          "It is not certain whether the destination took the guest: the source keeps it paused.";
    };
  }

  private static String sentence(String text) {
    String stripped = text.strip();
    return stripped.endsWith(".") || stripped.endsWith("?") ? stripped : stripped + ".";
  }
}
