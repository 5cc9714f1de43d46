package io.vmferry.daemon.api;

import org.jspecify.annotations.Nullable;

/**
 * What went wrong, as a user sees it: the body of every answer that is not a success.
 *
 * @param code a stable code in capitals, such as {@code VM_NOT_FOUND}
 * @param message one sentence, capital first; of what a client sent it repeats no line break and no
 *     other control character, and at most 1,000 characters
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
  private static final int MAX_MESSAGE = 1_000;

  /** Makes the message one line. */
  public Problem {
    message = oneLine(message);
  }

  private static String oneLine(String text) {
    StringBuilder line = new StringBuilder(Math.min(text.length(), MAX_MESSAGE + 1));
    for (int i = 0; i < text.length(); i++) {
      if (i == MAX_MESSAGE) {
        return line.append('…').toString();
      }
      char next = text.charAt(i);
      line.append(isPrinted(next) ? next : '?');
    }
    return line.toString();
  }

  private static boolean isPrinted(char next) {
    return !Character.isISOControl(next) && next != '\u2028' && next != '\u2029';
  }

  /** A problem that concerns no running guest. */
  public static Problem of(String code, String message, @Nullable String hint) {
    return new Problem(code, message, null, hint, null);
  }
}
