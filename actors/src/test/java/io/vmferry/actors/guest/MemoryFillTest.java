package io.vmferry.actors.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;

class MemoryFillTest {
  private static final int PAGE = MemoryFill.PAGE_BYTES;
  private static final int PAGES = 100;

  @Test
  void noTwoPagesAreAlikeAndTheyAreTheSameEveryTime() {
    ByteBuffer pages = content(MemoryFill.RANDOM);
    Set<ByteBuffer> distinct = new HashSet<>();
    for (int i = 0; i < PAGES; i++) {
      distinct.add(pages.slice(i * PAGE, PAGE));
    }

    assertEquals(PAGES, distinct.size());
    assertEquals(pages, content(MemoryFill.RANDOM));
  }

  @Test
  void randomContentDoesNotCompress() throws Exception {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(packed)) {
      deflater.write(content(MemoryFill.RANDOM).array());
    }

    assertTrue(packed.size() > PAGES * PAGE * 0.99, () -> "packed to " + packed.size());
  }

  @Test
  void nineOfTenPagesAreZero() {
    ByteBuffer pages = content(MemoryFill.ZERO90);
    ByteBuffer zero = ByteBuffer.allocate(PAGE);
    int zeros = 0;
    for (int i = 0; i < PAGES; i++) {
      zeros += pages.slice(i * PAGE, PAGE).equals(zero) ? 1 : 0;
    }

    assertEquals(90, zeros);
  }

  @Test
  void oneStretchOfTenHasContent() {
    int stretch = 2 << 20;
    ByteBuffer memory = ByteBuffer.allocate(10 * stretch);
    MemoryFill.FREE90.fill(0, memory);

    ByteBuffer random = ByteBuffer.allocate(stretch);
    MemoryFill.RANDOM.fill(0, random);
    assertEquals(random.flip(), memory.slice(0, stretch));
    assertEquals(ByteBuffer.allocate(9 * stretch), memory.slice(stretch, 9 * stretch));
  }

  @Test
  void guestMemoryHoldsItAboveThePrograms() throws Exception {
    long size = 8L << 20;
    try (GuestMemory memory = GuestMemory.allocate(size, PageSize.KIB_4)) {
      MemoryFill.ZERO90.fill(memory);

      // Before the memory is read, which fills its holes.
      long allocated = memory.regions().get(0).memfd().allocatedBytes();
      assertTrue(allocated <= size / 2 / 10 + GuestLayout.WORKING_SET, () -> allocated + " bytes");
      long first = GuestLayout.WORKING_SET / PAGE;
      ByteBuffer expected = ByteBuffer.allocate((int) (size - GuestLayout.WORKING_SET));
      MemoryFill.ZERO90.fill(first, expected.order(ByteOrder.nativeOrder()));
      assertArrayEquals(
          expected.array(), memory.read(new Gpa(GuestLayout.WORKING_SET), expected.capacity()));
      assertArrayEquals(
          new byte[GuestLayout.WORKING_SET], memory.read(new Gpa(0), GuestLayout.WORKING_SET));
    }
  }

  @Test
  void wordsAreRead() {
    assertEquals(MemoryFill.ZERO90, MemoryFill.parse("zero90"));
    assertThrows(IllegalArgumentException.class, () -> MemoryFill.parse("ones"));
  }

  private static ByteBuffer content(MemoryFill fill) {
    ByteBuffer pages = ByteBuffer.allocate(PAGES * PAGE);
    fill.fill(0, pages);
    return pages;
  }
}
