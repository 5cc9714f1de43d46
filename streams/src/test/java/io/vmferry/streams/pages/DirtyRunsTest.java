package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.Gpa;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DirtyRunsTest {
  private static final Gpa BASE = new Gpa(0x1_0000_0000L);

  @Test
  void joinsNeighboursAcrossWords() {
    LongBuffer words = LongBuffer.wrap(new long[] {1L << 63 | 1, 3});

    List<PageRun> runs = DirtyRuns.of(words, 128, BASE, 4096);

    assertEquals(
        List.of(
            new PageRun(0x1_0000_0000L, 4096), new PageRun(0x1_0000_0000L + 63 * 4096, 3 * 4096)),
        runs);
  }

  @Test
  void ignoresBitsBeyondTheLastPage() {
    LongBuffer words = LongBuffer.wrap(new long[] {-1L, -1L});

    assertEquals(
        List.of(new PageRun(BASE.value(), 70 * 4096)), DirtyRuns.of(words, 70, BASE, 4096));
    assertEquals(70, DirtyRuns.count(words, 70));
  }

  @Test
  void findsNothingInACleanBitmap() {
    LongBuffer words = LongBuffer.wrap(new long[2]);

    assertEquals(List.of(), DirtyRuns.of(words, 128, BASE, 4096));
    assertEquals(0, DirtyRuns.count(words, 128));
  }

  @Test
  void agreesWithAPlainLoopOnRandomBitmaps() {
    long seed = System.nanoTime();
    System.out.println("DirtyRunsTest seed " + seed);
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

      List<PageRun> runs = DirtyRuns.of(LongBuffer.wrap(words), pages, BASE, 4096);

      assertEquals(plainLoop(bits), runs, "seed " + seed);
      assertEquals(bits.cardinality() * 4096L, DirtyRuns.bytes(runs), "seed " + seed);
      assertEquals(bits.cardinality(), DirtyRuns.count(LongBuffer.wrap(words), pages));
    }
  }

  private static List<PageRun> plainLoop(BitSet bits) {
    List<PageRun> runs = new ArrayList<>();
    for (int start = bits.nextSetBit(0); start >= 0; ) {
      int end = bits.nextClearBit(start);
      runs.add(new PageRun(BASE.value() + start * 4096L, (end - start) * 4096L));
      start = bits.nextSetBit(end);
    }
    return runs;
  }
}
