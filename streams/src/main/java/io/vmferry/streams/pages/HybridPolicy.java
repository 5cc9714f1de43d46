package io.vmferry.streams.pages;

/**
 * When hybrid leaves the rounds for postcopy: as soon as a round leaves more than three quarters of
 * what the one before it left. Another round would send most of it again for little.
 *
 * @param leftBytes what the last round left to send; at first all memory
 */
public record HybridPolicy(long leftBytes) {
  private static final int WORTHWHILE_PART = 4;

  /**
   * Whether rounds no longer pay.
   *
   * @param dirtyBytes what the round that has just ended leaves
   */
  public boolean gainsTooLittle(long dirtyBytes) {
    return dirtyBytes > leftBytes - leftBytes / WORTHWHILE_PART;
  }
}
