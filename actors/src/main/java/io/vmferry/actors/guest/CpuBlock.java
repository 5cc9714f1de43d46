package io.vmferry.actors.guest;

/**
 * Offsets in the page each vCPU owns for its counters, line buffer and stack. The counters live in
 * guest memory, so they move with the guest.
 */
final class CpuBlock {

  static final int CPU = 0;

  /** Page visits in ranges that are done; the running range is counted from R12. */
  static final int DONE = 8;

  static final int MISMATCHES = 16;

  /** Sweeps done, which is also the generation that the slice's pages hold between sweeps. */
  static final int SWEEPS = 24;

  static final int FIRST_GPA = 32;
  static final int FIRST_WANT = 40;
  static final int FIRST_FOUND = 48;

  /** Timer ticks since the last report. */
  static final int TICKS = 56;

  /** Bytes that may still be dirtied now, when the guest is paced. */
  static final int ALLOWANCE = 64;

  static final int RANGE_PAGES = 72;

  /** Offset in a page of the segment that this sweep checks. */
  static final int SEGMENT = 80;

  /** Where the running range stands in {@link #RANGES}: an offset in this block. */
  static final int RANGE = 88;

  /** Two times base address and pages; a range without pages is skipped. */
  static final int RANGES = 96;

  static final int RANGE_BYTES = 16;
  static final int RANGES_END = RANGES + 2 * RANGE_BYTES;

  /** What the timer's counter was at the last look, when the guest is not paced. */
  static final int LAST_COUNT = RANGES_END;

  /** Reports since the last one of waits. */
  static final int WAIT_REPORTS = LAST_COUNT + Long.BYTES;

  static final int LINE = 256;

  /** The buckets of {@link TouchWaits}: below are at most 768 bytes of a line. */
  static final int WAITS = 1024;

  static final int STACK_TOP = GuestLayout.CPU_BLOCK_BYTES;

  private CpuBlock() {}
}
