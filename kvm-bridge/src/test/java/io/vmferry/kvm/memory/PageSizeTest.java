package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PageSizeTest {
  @Test
  void parsesEveryWayOfWritingASize() {
    assertEquals(PageSize.KIB_4, PageSize.parse("4K"));
    assertEquals(PageSize.KIB_4, PageSize.parse("4KiB"));
    assertEquals(PageSize.MIB_2, PageSize.parse("2m"));
    assertEquals(PageSize.MIB_2, PageSize.parse(" 2MB "));
    assertEquals(PageSize.GIB_1, PageSize.parse("1GiB"));
  }

  @Test
  void refusesOtherSizesAndSaysWhichThereAre() {
    var refused = assertThrows(IllegalArgumentException.class, () -> PageSize.parse("8K"));

    assertEquals("'8K' is no page size: use 4K, 2M or 1G", refused.getMessage());
    assertThrows(IllegalArgumentException.class, () -> PageSize.parse(""));
    assertThrows(IllegalArgumentException.class, () -> PageSize.ofBytes(8192));
  }

  @Test
  void bytesShiftAndLabelAgree() {
    for (PageSize size : PageSize.values()) {
      assertEquals(size.bytes(), 1L << size.shift());
      assertEquals(size, PageSize.parse(size.label()));
      assertEquals(size, PageSize.ofBytes(size.bytes()));
      assertTrue(size.divides(3 * size.bytes()));
      assertFalse(size.divides(size.bytes() + 1));
    }
  }
}
