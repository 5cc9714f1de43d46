package io.vmferry.streams.wire;

/**
 * What a source may offer beyond the base protocol, one bit each. A bit is never reused.
 *
 * <p>Source: docs/protocol.md#extensions.
 */
public enum Extension {
  /** {@link Command#MEMORY_ZERO}: ranges that are zero, without their bytes. */
  ZERO_RANGES(0),
  /** {@link Command#MEMORY_COMPRESSED}: ranges whose bytes are compressed. */
  COMPRESSED(1),
  /** Postcopy: pages come unasked on push connections, and the end is said in a command. */
  PUSH(4),
  /** {@link Command#DISCARD}: precopy rounds, then postcopy of what is still dirty. */
  HYBRID(5),
  /**
   * A broken migration is taken up again: {@link Command#OWNER} after a lost answer to Complete,
   * {@link Command#MISSING} after a broken postcopy.
   */
  RECOVERY(6),
  /** {@link Command#ALIVE}: a side that has died, or hangs, is noticed. */
  HEARTBEAT(7),
  /** {@link Command#PREFAULT}: pages that nobody waits for are asked for as such. */
  PREFAULT(8),
  /**
   * An ok to {@link Command#PAGE_FAULT} and {@link Command#PREFAULT} begins with the range it is
   * for: one answer too many is not taken for the next page.
   */
  NAMED_ANSWERS(9);

  private final int mask;

  Extension(int bit) {
    this.mask = 1 << bit;
  }

  /** The extension's bit, alone in the u32 of Start and of its answer. */
  int mask() {
    return mask;
  }
}
