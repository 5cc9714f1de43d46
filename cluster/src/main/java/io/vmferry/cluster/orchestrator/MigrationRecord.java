package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.MigrationSummary;
import io.vmferry.cluster.CborSerializable;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What the orchestrator knows of a migration.
 *
 * @param id names it in other requests
 * @param vm the guest
 * @param from the source node's name
 * @param to the destination node's name
 * @param params how it is sent
 * @param startedAt when it was accepted, by the clock of the orchestrator's node
 * @param phase what is being done, as the source last said (before it speaks: CONNECTING)
 * @param cancelRequested whether somebody asked to cancel it, and it was not too late
 * @param progress the source's last word, or null
 * @param destinationProgress the destination's last word, or null; the page faults are there
 * @param sourceSummary the source's figures, once it ended well
 * @param destinationSummary the destination's figures, once it ended well
 * @param outcome how it ended, or null while it runs
 * @param failure why, if it failed or was cancelled
 * @param guestLocation where the guest is, once it ended; never a guess; null while it runs
 * @param endedAt when it ended, or null
 */
public record MigrationRecord(
    String id,
    String vm,
    String from,
    String to,
    SendParams params,
    Instant startedAt,
    MigrationPhase phase,
    boolean cancelRequested,
    @Nullable MigrationProgress progress,
    @Nullable MigrationProgress destinationProgress,
    @Nullable MigrationSummary sourceSummary,
    @Nullable MigrationSummary destinationSummary,
    @Nullable MigrationOutcome outcome,
    @Nullable MigrationFailure failure,
    @Nullable GuestLocation guestLocation,
    @Nullable Instant endedAt)
    implements CborSerializable {

  /** The record of a migration that begins. */
  static MigrationRecord begun(String id, String vm, String from, String to, SendParams params) {
    return new MigrationRecord(
        id,
        vm,
        from,
        to,
        params,
        Instant.now(),
        MigrationPhase.CONNECTING,
        false,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  /** Whether nothing more will happen. */
  public boolean hasEnded() {
    return outcome != null;
  }

  MigrationRecord withSourceProgress(MigrationProgress now) {
    return with(now.phase(), cancelRequested, now, destinationProgress);
  }

  MigrationRecord withDestinationProgress(MigrationProgress now) {
    return with(phase, cancelRequested, progress, now);
  }

  MigrationRecord withCancelRequested(boolean requested) {
    return with(phase, requested, progress, destinationProgress);
  }

  private MigrationRecord with(
      MigrationPhase newPhase,
      boolean requested,
      @Nullable MigrationProgress source,
      @Nullable MigrationProgress destination) {
    return new MigrationRecord(
        id,
        vm,
        from,
        to,
        params,
        startedAt,
        newPhase,
        requested,
        source,
        destination,
        sourceSummary,
        destinationSummary,
        outcome,
        failure,
        guestLocation,
        endedAt);
  }

  MigrationRecord ended(
      Verdict verdict, @Nullable MigrationSummary source, @Nullable MigrationSummary destination) {
    return new MigrationRecord(
        id,
        vm,
        from,
        to,
        params,
        startedAt,
        MigrationPhase.ENDED,
        cancelRequested,
        progress,
        destinationProgress,
        source,
        destination,
        verdict.outcome(),
        verdict.failure(),
        verdict.location(),
        Instant.now());
  }
}
