package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DirtyPagesTest {
  private static final long PAGE = 4096;
  private static final long BASE = 0x1_0000_0000L;

  @Test
  void joinsNeighboursAcrossWords() {
    DirtyPages dirty = region(BASE, 128, 1L << 63 | 1, 3);

    assertEquals(
        List.of(new PageRun(BASE, PAGE), new PageRun(BASE + 63 * PAGE, 3 * PAGE)), runs(dirty));
    assertEquals(4 * PAGE, dirty.bytes());
  }

  @Test
  void ignoresBitsBeyondTheLastPage() {
    DirtyPages dirty = region(BASE, 70, -1L, -1L);

    assertEquals(List.of(new PageRun(BASE, 70 * PAGE)), runs(dirty));
    assertEquals(70 * PAGE, dirty.bytes());
    assertEquals(BASE + 70 * PAGE, dirty.nextClean(BASE, BASE + 70 * PAGE));
  }

  @Test
  void roundsOutToLargerPages() {
    DirtyPages dirty = region(BASE, 64, 1L << 5 | 1L << 6 | 1L << 32, 0);

    DirtyPages rounded = dirty.rounded(8 * PAGE);

    assertEquals(
        List.of(new PageRun(BASE, 8 * PAGE), new PageRun(BASE + 32 * PAGE, 8 * PAGE)),
        runs(rounded));
    assertSame(dirty, dirty.rounded(PAGE));
  }

  @Test
  void findsNothingInACleanBitmap() {
    DirtyPages clean = region(BASE, 128, 0, 0);

    assertTrue(clean.isEmpty());
    assertEquals(List.of(), runs(clean));
    assertEquals(BASE + 128 * PAGE, clean.nextDirty(BASE, BASE + 128 * PAGE));
    assertThrows(NoSuchElementException.class, () -> clean.runs().next());
  }

  @Test
  void aRunNeverReachesFromOneRegionIntoTheNext() {
    DirtyPages high = region(64 * PAGE, 64, -1L);
    DirtyPages low = region(0, 64, -1L);

    DirtyPages both = DirtyPages.joined(List.of(high, low));

    assertEquals(List.of(new PageRun(0, 64 * PAGE), new PageRun(64 * PAGE, 64 * PAGE)), runs(both));
    assertEquals(128 * PAGE, both.bytes());
  }

  @Test
  void uniteCountsAPageOnce() {
    DirtyPages one = DirtyPages.joined(List.of(region(0, 64, 0b0011), region(BASE, 64, 0b1)));
    DirtyPages other = DirtyPages.joined(List.of(region(0, 64, 0b0110), region(BASE, 64, 0)));

    DirtyPages union = one.or(other);

    assertEquals(List.of(new PageRun(0, 3 * PAGE), new PageRun(BASE, PAGE)), runs(union));
    assertEquals(4 * PAGE, union.bytes());
    assertSame(one, one.or(DirtyPages.NONE));
    assertSame(one, DirtyPages.NONE.or(one));
    assertThrows(IllegalArgumentException.class, () -> one.or(region(0, 64, 1)));
    assertThrows(IllegalArgumentException.class, () -> region(0, 64, 1).or(region(BASE, 64, 1)));
  }

  @Test
  void looksForwardFromAnyPage() {
    DirtyPages dirty = DirtyPages.joined(List.of(region(0, 128, 0b0110, 1), region(BASE, 64, -1)));

    assertEquals(PAGE, dirty.nextDirty(0, 128 * PAGE));
    assertEquals(2 * PAGE, dirty.nextDirty(2 * PAGE, 128 * PAGE));
    assertEquals(64 * PAGE, dirty.nextDirty(3 * PAGE, 128 * PAGE));
    assertEquals(10 * PAGE, dirty.nextDirty(3 * PAGE, 10 * PAGE));
    assertEquals(3 * PAGE, dirty.nextClean(PAGE, 128 * PAGE));
    assertEquals(2 * PAGE, dirty.nextClean(PAGE, 2 * PAGE));
    assertEquals(0, dirty.nextClean(0, 128 * PAGE));
    assertEquals(BASE + 64 * PAGE, dirty.nextClean(BASE, BASE + 64 * PAGE));
  }

  @Test
  void nothingIsDirtyOutsideOfEveryRegion() {
    DirtyPages dirty = region(BASE, 64, -1);

    assertEquals(8 * PAGE, dirty.nextDirty(0, 8 * PAGE));
    assertEquals(0, dirty.nextClean(0, 8 * PAGE));
    assertEquals(8 * PAGE, DirtyPages.NONE.nextDirty(0, 8 * PAGE));
  }

  @Test
  void keepsItsBitsWhenTheLogMovesOn() {
    LongBuffer log = LongBuffer.wrap(new long[] {1});
    DirtyPages dirty = DirtyPages.ofRegion(new Gpa(0), 64, log);

    log.put(0, 0);

    assertFalse(dirty.isEmpty());
  }

  @Test
  void agreesWithAPlainLoopOnRandomBitmaps() {
    long seed = System.nanoTime();
    System.out.println("DirtyPagesTest seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      int pages = 1 + random.nextInt(300);
      BitSet bits = new BitSet();
      for (int page = 0; page < pages; page++) {
        boolean same = page > 0 && random.nextInt(4) != 0;
        bits.set(page, same ? bits.get(page - 1) : random.nextBoolean());
      }
      long[] words = new long[(pages + 63) / 64];
      System.arraycopy(bits.toLongArray(), 0, words, 0, bits.toLongArray().length);

      DirtyPages dirty = region(BASE, pages, words);

      assertEquals(plainLoop(bits), runs(dirty), "seed " + seed);
      assertEquals(bits.cardinality() * PAGE, dirty.bytes(), "seed " + seed);
      int from = random.nextInt(pages);
      int set = bits.nextSetBit(from);
      assertEquals(
          BASE + (set < 0 ? pages : set) * PAGE,
          dirty.nextDirty(BASE + from * PAGE, BASE + pages * PAGE),
          "seed " + seed);
      assertEquals(
          BASE + Math.min(pages, bits.nextClearBit(from)) * PAGE,
          dirty.nextClean(BASE + from * PAGE, BASE + pages * PAGE),
          "seed " + seed);
    }
  }

  private static DirtyPages region(long base, long pages, long... words) {
    return DirtyPages.ofRegion(new Gpa(base), pages, LongBuffer.wrap(words));
  }

  private static List<PageRun> runs(DirtyPages dirty) {
    List<PageRun> all = new ArrayList<>();
    for (Iterator<PageRun> runs = dirty.runs(); runs.hasNext(); ) {
      all.add(runs.next());
    }
    return all;
  }

  private static List<PageRun> plainLoop(BitSet bits) {
    List<PageRun> runs = new ArrayList<>();
    for (int start = bits.nextSetBit(0); start >= 0; ) {
      int end = bits.nextClearBit(start);
      runs.add(new PageRun(BASE + start * PAGE, (end - start) * PAGE));
      start = bits.nextSetBit(end);
    }
    return runs;
  }
}
