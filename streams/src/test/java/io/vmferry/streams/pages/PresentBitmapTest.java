package io.vmferry.streams.pages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
