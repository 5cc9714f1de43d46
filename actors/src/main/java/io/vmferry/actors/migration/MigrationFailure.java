package io.vmferry.actors.migration;

import io.vmferry.actors.vm.FailureCode;

/**
 * Why a migration did not succeed.
 *
 * @param migrationId the session
 * @param vm the guest's name, or an empty text where it was never learned
 * @param code who must act, and on what
 * @param phase what was being done
 * @param reason one sentence without the location, capital first, ending with a full stop
 * @param guestLocation where the guest is now
 * @param guestPaused whether it is paused there and waits for somebody
 */
public record MigrationFailure(
    String migrationId,
    String vm,
    FailureCode code,
    MigrationPhase phase,
    String reason,
    GuestLocation guestLocation,
    boolean guestPaused) {}
