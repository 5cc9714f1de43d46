package io.vmferry.actors.guest;

/**
 * What the pages of the standard guest's working set hold: pure arithmetic, shared by the loader
 * (which lays down generation 0), the guest program and the tests.
 *
 * <pre>
 * offset  size  content of page n (n = guest-physical address / 4096) in generation g
 * 0       8     n * 2^32 + g            page number and generation
 * 8       8     checksum(n, g) = n * PAGE_STEP + g * GENERATION_STEP, modulo 2^64
 * 16      4072  body: 509 words in segments of {@code segmentWords}; the words of a segment are
 *               checksum(n, h), h being the generation in which the segment was written last
 * 4088    8     checksum(n, g)          trailer
 * </pre>
 *
 * <p>Each visit of a page compares header, checksum, trailer and one segment with what they must
 * be, then writes generation g + 1 into them. Sweep number g (from 0) takes segment {@code g modulo
 * segments()}, so after {@code segments()} sweeps each byte of each page has been compared.
 *
 * @param segmentWords 8-byte words of the body that one visit checks and rewrites, 1 to 509
 */
public record WorkingSetPattern(int segmentWords) {

  static final int PAGE_BYTES = 4096;
  static final int PAGE_WORDS = PAGE_BYTES / Long.BYTES;
  static final int BODY_OFFSET = 16;
  static final int TRAILER_OFFSET = PAGE_BYTES - Long.BYTES;
  static final int BODY_WORDS = (TRAILER_OFFSET - BODY_OFFSET) / Long.BYTES;

  /** Checksum step from a page to the next; positive and below 2^31: an immediate operand. */
  static final int PAGE_STEP = 0x61C8_8647;

  /** Checksum step from a generation to the next; odd, so no two generations below 2^64 agree. */
  static final long GENERATION_STEP = 0x9E37_79B9_7F4A_7C15L;

  /** Checks the segment size. */
  public WorkingSetPattern {
    if (segmentWords < 1 || segmentWords > BODY_WORDS) {
      throw new IllegalArgumentException(
          "Segment of " + segmentWords + " words is not within 1 to " + BODY_WORDS);
    }
  }

  /** Sweeps after which each byte of each page has been compared at least once. */
  public int segments() {
    return (BODY_WORDS + segmentWords - 1) / segmentWords;
  }

  /** First word of a page: its number and generation. */
  static long header(long pageNumber, long generation) {
    return (pageNumber << 32) + generation;
  }

  /** Checksum of page number and generation. */
  static long checksum(long pageNumber, long generation) {
    return pageNumber * PAGE_STEP + generation * GENERATION_STEP;
  }

  /**
   * What one word of a page must hold.
   *
   * @param pageNumber guest-physical address / 4096
   * @param generation times the page has been rewritten
   * @param word 0 to 511
   */
  public long word(long pageNumber, long generation, int word) {
    if (word == 0) {
      return header(pageNumber, generation);
    }
    if (word == 1 || word == PAGE_WORDS - 1) {
      return checksum(pageNumber, generation);
    }
    int segment = (word - BODY_OFFSET / Long.BYTES) / segmentWords;
    return checksum(pageNumber, segmentGeneration(generation, segment));
  }

  /** The newest generation not above {@code generation} in which a segment was written. */
  private long segmentGeneration(long generation, long segment) {
    // Sweep g writes segment g mod segments() and makes generation g + 1.
    long sweep = generation - 1 - Math.floorMod(generation - 1 - segment, (long) segments());
    return sweep < 0 ? 0 : sweep + 1;
  }
}
