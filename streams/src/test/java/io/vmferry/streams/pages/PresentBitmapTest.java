package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class PresentBitmapTest {
  @Test
  void countsAPageOnceHoweverOftenItIsSet() {
    PresentBitmap present = new PresentBitmap(100);

    assertTrue(present.set(99));
    assertFalse(present.set(99));
    assertEquals(9, present.set(90, 10));

    assertEquals(10, present.count());
    assertEquals(90, present.missing());
  }

  @Test
  void findsTheNextClearPageUpToTheEnd() {
    PresentBitmap present = new PresentBitmap(130);
    present.set(0, 64);
    present.set(65, 65);

    assertEquals(64, present.nextClear(0));
    assertEquals(-1, present.nextClear(65));
  }

  @Test
  void theInvertedBitmapHasTheOtherPages() {
    PresentBitmap present = new PresentBitmap(130);
    present.set(3);
    present.set(60, 70);

    PresentBitmap missing = present.inverted();

    assertEquals(59, missing.count());
    assertEquals(0, missing.nextSet(0));
    assertEquals(59, missing.nextSet(59));
    assertEquals(-1, missing.nextSet(60));
    assertEquals(3, missing.nextClear(0));
    assertEquals(3, present.nextSet(0));
    assertEquals(60, present.nextSet(4));
    assertTrue(new PresentBitmap(65).inverted().isComplete());
  }

  @Test
  void setsARunUpToTheNextSetBit() {
    PresentBitmap claimed = new PresentBitmap(300);
    claimed.set(200);

    assertEquals(190, claimed.setRun(10, 290));
    assertEquals(0, claimed.setRun(10, 290));
    assertEquals(0, claimed.setRun(200, 100));
    assertEquals(64, claimed.setRun(201, 64));
    assertEquals(35, claimed.setRun(265, 35));

    assertEquals(290, claimed.count());
    assertEquals(0, claimed.nextClear(0));
    assertEquals(-1, claimed.nextClear(10));
  }

  @Test
  void runsOfRandomLengthCoverWhatSingleBitsDo() {
    long seed = System.nanoTime();
    System.out.println("PresentBitmapTest seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      int pages = 1 + random.nextInt(400);
      PresentBitmap runs = new PresentBitmap(pages);
      PresentBitmap single = new PresentBitmap(pages);
      for (int i = 0; i < 20; i++) {
        int first = random.nextInt(pages);
        int max = random.nextInt(pages - first + 1);
        if (random.nextBoolean()) {
          long set = runs.setRun(first, max);
          for (long page = first; page < first + set; page++) {
            assertTrue(single.set(page));
          }
          assertTrue(set == max || single.get(first + set));
        } else {
          long before = single.count();
          for (long page = first; page < first + max; page++) {
            single.set(page);
          }
          assertEquals(single.count() - before, runs.set(first, max));
        }
        assertEquals(single.count(), runs.count());
      }
    }
  }

  @Test
  void isCompleteWhenEveryPageIsSet() {
    PresentBitmap present = new PresentBitmap(65);
    present.set(0, 64);
    assertFalse(present.isComplete());

    present.set(64);

    assertTrue(present.isComplete());
    assertEquals(-1, present.nextClear(0));
  }

  @Test
  void rejectsAPageOutside() {
    PresentBitmap present = new PresentBitmap(65);

    assertThrows(IndexOutOfBoundsException.class, () -> present.set(65));
    assertThrows(IndexOutOfBoundsException.class, () -> present.get(-1));
  }

  @Test
  void copiesBitsAndCount() {
    PresentBitmap present = new PresentBitmap(70);
    present.set(3, 5);

    PresentBitmap copy = present.copy();
    present.set(69);

    assertEquals(5, copy.count());
    assertTrue(copy.get(7));
    assertFalse(copy.get(69));
  }
}
