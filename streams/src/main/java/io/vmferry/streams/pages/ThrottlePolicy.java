package io.vmferry.streams.pages;

/**
 * How far a guest is slowed down so that precopy converges: not at all while the rounds shrink,
 * then in steps. Asked after every round; immutable.
 *
 * <p>A round that leaves more than half of what it sent is one the guest outran: the next would be
 * hardly shorter. One such round may be a burst, so the first step takes two in a row. From then on
 * every round that the guest outruns adds a step.
 *
 * @param percent the share of time the vCPUs are kept out of the guest, 0 to {@link #MAX_PERCENT}
 * @param outrun rounds in a row that the guest outran
 */
public record ThrottlePolicy(int percent, int outrun) {
  /** A guest that is not slowed down. */
  public static final ThrottlePolicy NONE = new ThrottlePolicy(0, 0);

  /** The last step: a guest that gets nothing at all would be paused, not slowed down. */
  public static final int MAX_PERCENT = 99;

  private static final int FIRST_PERCENT = 20;
  private static final int STEP_PERCENT = 10;
  private static final int PATIENCE_ROUNDS = 2;

  /**
   * The throttle for the next round.
   *
   * @param sentBytes what the last round sent
   * @param dirtiedBytes what the guest dirtied meanwhile, all that is left
   */
  public ThrottlePolicy afterRound(long sentBytes, long dirtiedBytes) {
    if (dirtiedBytes <= sentBytes / 2) {
      return new ThrottlePolicy(percent, 0);
    }
    if (percent > 0) {
      return new ThrottlePolicy(Math.min(MAX_PERCENT, percent + STEP_PERCENT), outrun + 1);
    }
    return new ThrottlePolicy(outrun + 1 >= PATIENCE_ROUNDS ? FIRST_PERCENT : 0, outrun + 1);
  }
}
