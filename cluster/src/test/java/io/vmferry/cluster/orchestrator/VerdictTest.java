package io.vmferry.cluster.orchestrator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.actors.vm.FailureCode;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class VerdictTest {
  private static final SideState LOST = new SideState.Lost();
  private static final SideState SILENT = new SideState.Silent();
  private static final SideState NOT_ASKED = new SideState.NotAsked();

  private boolean handedOver;
  private boolean destinationFirst;
  private MigrationRecord record =
      MigrationRecord.begun("m-1", "vm", "a", "b", SendParams.of(MemoryMode.PRECOPY));

  @Test
  void completesWhenBothFinishedWithOneDigest() {
    check(finished("d1"), finished("d1"), MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
  }

  @Test
  void differentDigestsFailLoudly() {
    Verdict verdict =
        check(finished("d1"), finished("d2"), MigrationOutcome.FAILED, GuestLocation.DESTINATION);

    assertTrue(reason(verdict).startsWith("MEMORY DIFFERS"), reason(verdict));
    assertTrue(reason(verdict).contains("d1") && reason(verdict).contains("d2"), reason(verdict));
  }

  @Test
  void aMissingDigestIsNotTakenForAMatch() {
    check(finished(null), finished(null), MigrationOutcome.FAILED, GuestLocation.DESTINATION);
    check(finished("d1"), finished(null), MigrationOutcome.FAILED, GuestLocation.DESTINATION);
  }

  @Test
  void withoutVerificationDigestsDoNotMatter() {
    dontVerify();
    check(finished(null), finished("d"), MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
  }

  @Test
  void theSourcesWordThatTheGuestStayedCounts() {
    SideState stayed = failed(FailureCode.NOT_CONVERGED, GuestLocation.SOURCE);

    check(stayed, LOST, MigrationOutcome.FAILED, GuestLocation.SOURCE);
    check(stayed, SILENT, MigrationOutcome.FAILED, GuestLocation.SOURCE);
    check(
        stayed,
        failed(FailureCode.PEER_LOST, GuestLocation.SOURCE),
        MigrationOutcome.FAILED,
        GuestLocation.SOURCE);
  }

  @Test
  void aDestinationThatWillNotRunTheGuestSettlesALostAnswer() {
    SideState unsure = failed(FailureCode.PEER_LOST, GuestLocation.UNKNOWN);
    SideState willNot = failed(FailureCode.PEER_LOST, GuestLocation.SOURCE);

    check(unsure, willNot, MigrationOutcome.FAILED, GuestLocation.SOURCE);
    check(unsure, LOST, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
    check(unsure, SILENT, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
  }

  @Test
  void aGuestThatArrivedThoughTheSourceDoesNotKnowIsOnTheDestination() {
    Verdict verdict =
        check(
            failed(FailureCode.PEER_LOST, GuestLocation.UNKNOWN),
            finished("d"),
            MigrationOutcome.FAILED,
            GuestLocation.DESTINATION);

    assertTrue(reason(verdict).contains("must not be resumed"), reason(verdict));
  }

  @Test
  void aSourceThatWasNotHeardIsNeverWhereTheGuestIs() {
    SideState willNot = failed(FailureCode.PEER_LOST, GuestLocation.SOURCE);
    check(LOST, willNot, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
    check(SILENT, willNot, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
    check(LOST, LOST, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
    check(LOST, NOT_ASKED, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
  }

  @Test
  void aGuestThatArrivedBeforeItsSourceWasLostIsThere() {
    Verdict verdict =
        check(LOST, finished("d"), MigrationOutcome.FAILED, GuestLocation.DESTINATION);
    assertTrue(reason(verdict).contains("could not be verified"), reason(verdict));

    dontVerify();
    check(LOST, finished(null), MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
  }

  @Test
  void afterTheHandoverALostDestinationStillHasTheGuest() {
    check(finished("d"), LOST, MigrationOutcome.FAILED, GuestLocation.DESTINATION);

    handedOver = true;
    check(SILENT, LOST, MigrationOutcome.FAILED, GuestLocation.DESTINATION);
    check(
        failed(FailureCode.PEER_LOST, GuestLocation.UNKNOWN),
        LOST,
        MigrationOutcome.FAILED,
        GuestLocation.DESTINATION);
  }

  @Test
  void sidesThatContradictEachOtherKnowNothing() {
    Verdict verdict =
        check(
            failed(FailureCode.INTERNAL, GuestLocation.SOURCE),
            finished("d"),
            MigrationOutcome.FAILED,
            GuestLocation.UNKNOWN);
    assertTrue(reason(verdict).contains("do not agree"), reason(verdict));

    check(
        finished("d"),
        failed(FailureCode.INTERNAL, GuestLocation.SOURCE),
        MigrationOutcome.FAILED,
        GuestLocation.UNKNOWN);
  }

  @Test
  void aGuestSeenInPostcopyIsNotOnTheSourceWhateverThatSays() {
    handedOver = true;

    SideState stayed = failed(FailureCode.INTERNAL, GuestLocation.SOURCE);
    check(stayed, SILENT, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
    check(SILENT, stayed, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
  }

  @Test
  void aSourceThatWasNotAskedStillHasTheGuest() {
    Verdict verdict =
        check(
            NOT_ASKED,
            failed(FailureCode.NOT_ENOUGH_MEMORY, GuestLocation.SOURCE),
            MigrationOutcome.FAILED,
            GuestLocation.SOURCE);

    assertEquals(FailureCode.NOT_ENOUGH_MEMORY, verdict.failure().code());
    assertEquals("Node b: It did not work.", reason(verdict));
    check(NOT_ASKED, LOST, MigrationOutcome.FAILED, GuestLocation.SOURCE);
    check(NOT_ASKED, SILENT, MigrationOutcome.FAILED, GuestLocation.SOURCE);
  }

  @Test
  void cancelledInTimeIsNotAFailure() {
    record = record.withCancelRequested(true);
    SideState cancelled = failed(FailureCode.CANCELLED, GuestLocation.SOURCE);

    check(cancelled, cancelled, MigrationOutcome.CANCELLED, GuestLocation.SOURCE);
    check(NOT_ASKED, cancelled, MigrationOutcome.CANCELLED, GuestLocation.SOURCE);
  }

  @Test
  void cancelledTooLateIsWhatBecameOfIt() {
    record = record.withCancelRequested(true);
    SideState unsure = failed(FailureCode.CANCELLED, GuestLocation.UNKNOWN);

    check(finished("d"), finished("d"), MigrationOutcome.COMPLETED, GuestLocation.DESTINATION);
    check(unsure, LOST, MigrationOutcome.FAILED, GuestLocation.UNKNOWN);
  }

  @Test
  void theSideThatEndedFirstIsTheCause() {
    SideState cancelled = failed(FailureCode.CANCELLED, GuestLocation.SOURCE);
    SideState cause = failed(FailureCode.INCOMPATIBLE_CPU, GuestLocation.SOURCE);
    destinationFirst = true;

    Verdict verdict = check(cancelled, cause, MigrationOutcome.FAILED, GuestLocation.SOURCE);

    assertEquals(FailureCode.INCOMPATIBLE_CPU, verdict.failure().code());
  }

  private Verdict check(
      SideState source, SideState destination, MigrationOutcome outcome, GuestLocation location) {
    Verdict verdict = Verdict.of(record, handedOver, false, source, destination, destinationFirst);
    assertEquals(outcome, verdict.outcome(), verdict::toString);
    assertEquals(location, verdict.location(), verdict::toString);
    assertEquals(outcome == MigrationOutcome.COMPLETED, verdict.failure() == null);
    return verdict;
  }

  private void dontVerify() {
    SendParams p = record.params();
    record =
        MigrationRecord.begun(
            "m-1",
            "vm",
            "a",
            "b",
            new SendParams(
                p.mode(),
                1,
                p.downtime(),
                p.timeout(),
                p.timeoutStrategy(),
                0,
                false,
                p.compression(),
                true));
  }

  private static String reason(Verdict verdict) {
    return verdict.failure().reason();
  }

  private static SideState finished(@Nullable String digest) {
    return new SideState.Finished(
        new MigrationSummary(
            "s",
            "vm",
            MemoryMode.PRECOPY,
            "kvm",
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            0,
            0,
            0,
            0,
            digest,
            false));
  }

  private static SideState failed(FailureCode code, GuestLocation location) {
    return new SideState.Failed(
        new MigrationFailure(
            "s", "vm", code, MigrationPhase.PRECOPY, "It did not work.", location, false));
  }
}
