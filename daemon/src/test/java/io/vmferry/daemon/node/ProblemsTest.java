package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ProblemsTest {
  private static Problem of(FailureCode code, io.vmferry.actors.migration.GuestLocation location) {
    return Problems.of(
        new MigrationFailure(
            "m-17", "a", code, MigrationPhase.PRECOPY, "The peer is gone.", location, false));
  }

  @Test
  void saysWhatHappenedWhereTheGuestIsAndWhatToDo() {
    Problem problem = of(FailureCode.PEER_LOST, io.vmferry.actors.migration.GuestLocation.SOURCE);

    assertEquals(
        new Problem(
            "PEER_LOST",
            "Migration m-17 of VM a stopped in precopy: The peer is gone.",
            GuestLocation.SOURCE,
            "Look at the other node's log, then start again",
            "m-17"),
        problem);
  }

  @Test
  void aCancelledMigrationNeedsNoReason() {
    Problem problem = of(FailureCode.CANCELLED, io.vmferry.actors.migration.GuestLocation.SOURCE);

    assertEquals("Migration m-17 of VM a was cancelled in precopy", problem.message());
  }

  @Test
  void aGuestThatIsPausedSomewhereIsSaidToBe() {
    Problem problem =
        Problems.of(
            new MigrationFailure(
                "m-1",
                "a",
                FailureCode.PEER_LOST,
                MigrationPhase.POSTCOPY,
                "The peer is gone.",
                io.vmferry.actors.migration.GuestLocation.DESTINATION,
                true));

    assertTrue(String.valueOf(problem.hint()).contains("vmferry vm resume a"), problem::toString);
  }

  @ParameterizedTest
  @EnumSource(io.vmferry.actors.migration.GuestLocation.class)
  void everyLocationIsPassedOn(io.vmferry.actors.migration.GuestLocation location) {
    assertEquals(
        GuestLocation.valueOf(location.name()), of(FailureCode.INTERNAL, location).guestLocation());
  }

  @ParameterizedTest
  @EnumSource(FailureCode.class)
  void everyCodeHasAStatusOfAnError(FailureCode code) {
    int status = Problems.refused(code, "No.").status();

    assertTrue(status >= 400 && status < 600, () -> code + " " + status);
    assertNotNull(Problems.refused(code, "No.").problem().message());
  }
}
