package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.testing.HugepageReservation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemoryDigestIT {
  private static final int PAGE = MemoryDigest.PAGE_BYTES;

  private static void fillPages(GuestMemory memory, List<Long> pages) {
    byte[] bytes = new byte[PAGE];
    for (long page : pages) {
      new Random(page).nextBytes(bytes);
      memory.write(new Gpa(page * PAGE), bytes);
    }
  }

  @Test
  void pageDigestsInAnyOrderAddUpToTheWhole() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate(4 << 20, PageSize.KIB_4)) {
      List<Long> pages = new ArrayList<>(List.of(0L, 1L, 2L, 63L, 64L, 65L, 500L, 1023L));
      fillPages(memory, pages);
      long whole = MemoryDigest.of(memory);

      Collections.shuffle(pages, new Random(1));
      long sum = 0;
      for (long page : pages) {
        sum += MemoryDigest.ofPage(page * PAGE, memory.slice(new Gpa(page * PAGE), PAGE));
      }

      assertEquals(whole, sum);
      assertNotEquals(0, whole);
    }
  }

  @Test
  void digestOfARunEqualsTheSumOfItsPages() throws Exception {
    ByteBuffer run = DirectBuffers.allocate(5 * PAGE);
    for (int i = 0; i < run.capacity() - PAGE; i++) {
      run.put(i, (byte) (i * 31 + i / PAGE));
    }
    long sum = 0;
    for (int i = 0; i < 5; i++) {
      sum += MemoryDigest.ofPage(0x7000 + (long) i * PAGE, run.slice(i * PAGE, PAGE));
    }

    assertEquals(sum, MemoryDigest.ofPage(0x7000, run));
    assertEquals(5 * PAGE, run.remaining());
  }

  @Test
  void oneFlippedBitAnywhereChangesIt() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate(1 << 20, PageSize.KIB_4)) {
      fillPages(memory, List.of(0L, 7L, 255L));
      long before = MemoryDigest.of(memory);

      for (long gpa : new long[] {0, 7 * PAGE + 1234, (1 << 20) - 1, 100 * PAGE}) {
        byte old = memory.read(new Gpa(gpa), 1)[0];
        memory.write(new Gpa(gpa), new byte[] {(byte) (old ^ 0x10)});
        assertNotEquals(before, MemoryDigest.of(memory), () -> "at " + new Gpa(gpa));
        memory.write(new Gpa(gpa), new byte[] {old});
        assertEquals(before, MemoryDigest.of(memory));
      }
    }
  }

  @Test
  void twoPagesThatChangedPlacesChangeIt() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate(1 << 20, PageSize.KIB_4)) {
      fillPages(memory, List.of(3L, 4L));
      long before = MemoryDigest.of(memory);

      byte[] third = memory.read(new Gpa(3 * PAGE), PAGE);
      memory.write(new Gpa(3 * PAGE), memory.read(new Gpa(4 * PAGE), PAGE));
      memory.write(new Gpa(4 * PAGE), third);

      assertNotEquals(before, MemoryDigest.of(memory));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PageSize.class,
      names = {"KIB_4", "MIB_2"})
  void holesEqualZerosAndAreNotAllocated(PageSize pageSize) throws Exception {
    long size = 8 * pageSize.bytes();
    try (var pool = HugepageReservation.reserve(pageSize, 8);
        GuestMemory memory = GuestMemory.allocate(size, pageSize)) {
      Memfd memfd = memory.regions().get(0).memfd();
      memory.write(new Gpa(5 * pageSize.bytes()), new byte[] {1});

      long digest = MemoryDigest.of(memory);
      assertEquals(pageSize.bytes(), memfd.allocatedBytes());
      memory.regions().get(0).mapping().populate(0, size);

      assertEquals(size, memfd.allocatedBytes());
      assertEquals(digest, MemoryDigest.of(memory));
      assertTrue(pool != null);
    }
  }

  @Test
  void doesNotDependOnThePageSizeOrTheLayoutOfTheFile() throws Exception {
    try (var pool = HugepageReservation.reserve(PageSize.MIB_2, 2);
        GuestMemory small = GuestMemory.allocate(4 << 20, PageSize.KIB_4);
        GuestMemory huge = GuestMemory.allocate(4 << 20, PageSize.MIB_2)) {
      List<Long> pages = List.of(1L, 511L, 512L, 1023L);
      fillPages(small, pages);
      fillPages(huge, pages);

      assertEquals(MemoryDigest.of(small), MemoryDigest.of(huge));
      assertTrue(pool != null);
    }
  }

  @Test
  void regionsThatShareAFileAreDigestedAtTheirOwnAddresses() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate((3L << 30) + (1 << 20), PageSize.KIB_4)) {
      byte[] page = new byte[PAGE];
      page[17] = 5;
      Gpa low = new Gpa((3L << 30) - PAGE);
      Gpa high = new Gpa(4L << 30);
      memory.write(low, page);
      memory.write(high, page);
      ByteBuffer direct = DirectBuffers.allocate(PAGE).put(page).flip();

      assertEquals(
          MemoryDigest.ofPage(low.value(), direct) + MemoryDigest.ofPage(high.value(), direct),
          MemoryDigest.of(memory));
    }
  }

  @Test
  void refusesPartsOfAPage() {
    assertThrows(
        IllegalArgumentException.class, () -> MemoryDigest.ofPage(0, ByteBuffer.allocate(100)));
  }
}
