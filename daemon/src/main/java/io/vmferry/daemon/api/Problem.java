package io.vmferry.daemon.api;

import org.jspecify.annotations.Nullable;

/**
 * What went wrong, as a user sees it: the body of every answer that is not a success.
 *
 * @param code a stable code in capitals, such as {@code VM_NOT_FOUND}
 * @param message one sentence, capital first
 * @param guestLocation where the guest runs now, if a guest was concerned
 * @param hint what to do about it
 * @param migrationId the migration concerned, if there is one
 */
public record Problem(
    String code,
    String message,
    @Nullable GuestLocation guestLocation,
    @Nullable String hint,
    @Nullable String migrationId) {

  /** A problem that concerns no running guest. */
  public static Problem of(String code, String message, @Nullable String hint) {
    return new Problem(code, message, null, hint, null);
  }
}
