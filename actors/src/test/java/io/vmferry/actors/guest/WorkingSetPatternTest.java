package io.vmferry.actors.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkingSetPatternTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 508, 509})
  void agreesWithRewritingAPageSweepBySweep(int segmentWords) {
    WorkingSetPattern pattern = new WorkingSetPattern(segmentWords);
    long page = 0x12345;
    long[] words = new long[512];
    Arrays.fill(words, WorkingSetPattern.checksum(page, 0));
    words[0] = WorkingSetPattern.header(page, 0);

    for (int sweep = 0; sweep <= 2 * pattern.segments() + 1; sweep++) {
      assertArrayEquals(words, pageOf(pattern, page, sweep), "generation " + sweep);
      long checksum = WorkingSetPattern.checksum(page, sweep + 1);
      int from = 2 + sweep % pattern.segments() * segmentWords;
      Arrays.fill(words, from, Math.min(from + segmentWords, 511), checksum);
      words[0] = WorkingSetPattern.header(page, sweep + 1);
      words[1] = checksum;
      words[511] = checksum;
    }
  }

  @Test
  void namesThirtyTwoSweepsForTheDefaultSegment() {
    assertEquals(32, new WorkingSetPattern(StandardGuest.DEFAULT_SEGMENT_WORDS).segments());
    assertEquals(1, new WorkingSetPattern(509).segments());
  }

  @Test
  void differsBetweenNeighboursInPageAndGeneration() {
    assertNotEquals(WorkingSetPattern.checksum(5, 1), WorkingSetPattern.checksum(6, 1));
    assertNotEquals(WorkingSetPattern.checksum(5, 1), WorkingSetPattern.checksum(5, 2));
  }

  @Test
  void rejectsSegmentsOutsideThePage() {
    assertThrows(IllegalArgumentException.class, () -> new WorkingSetPattern(0));
    assertThrows(IllegalArgumentException.class, () -> new WorkingSetPattern(510));
  }

  @Test
  void slicesCoverTheWorkingSetAndSkipTheHoleInRam() {
    long lowPages = ((3L << 30) - 0x40_0000) >> 12;
    long pages = lowPages + 1000;

    List<GuestLayout.Range> slice = GuestLayout.slice(pages, 2, 1);

    assertEquals(2, slice.size());
    assertEquals(3L << 30, slice.get(0).base() + slice.get(0).pages() * 4096);
    assertEquals(new GuestLayout.Range(4L << 30, 1000), slice.get(1));
    long first = GuestLayout.slice(pages, 2, 0).get(0).pages();
    assertEquals(pages, first + slice.get(0).pages() + 1000);
  }

  @Test
  void rejectsAWorkingSetThatDoesNotFit() {
    long mib = 1 << 20;
    assertThrows(
        IllegalArgumentException.class, () -> new StandardGuest.Params(2, 64 * mib, 61 * mib, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new StandardGuest.Params(2, 64 * mib, 4096, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new StandardGuest.Params(0, 64 * mib, mib, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new StandardGuest.Params(1, 64 * mib, mib, -1));
  }

  private static long[] pageOf(WorkingSetPattern pattern, long page, long generation) {
    long[] words = new long[512];
    Arrays.setAll(words, word -> pattern.word(page, generation, word));
    return words;
  }
}
