package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The bitmap's arithmetic. */
class DirtyBitmapBufferTest {

  @Test
  void bitsAreCountedFromTheFirstPageOfEachWord() {
    try (DirtyBitmapBuffer bitmap = new DirtyBitmapBuffer(130)) {
      bitmap.setWord(0, 1L << 63);
      bitmap.setWord(2, 0b10);

      assertEquals(3, bitmap.words());
      assertTrue(bitmap.isDirty(63));
      assertTrue(bitmap.isDirty(129));
      assertFalse(bitmap.isDirty(64));
      assertEquals(2, bitmap.dirtyPages());
      assertEquals(1L << 63, bitmap.view().get(0));

      bitmap.clear();

      assertEquals(0, bitmap.dirtyPages());
    }
  }

  @Test
  void aClosedBitmapRefusesUse() {
    DirtyBitmapBuffer bitmap = new DirtyBitmapBuffer(1);
    bitmap.close();
    bitmap.close();

    assertThrows(IllegalStateException.class, () -> bitmap.word(0));
    assertThrows(IllegalStateException.class, bitmap::address);
    assertThrows(IllegalArgumentException.class, () -> new DirtyBitmapBuffer(0));
  }
}
