package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.testing.HugepageReservation;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MemfdIT {
  private static final long PAGE = 4096;

  @ParameterizedTest
  @EnumSource(PageSize.class)
  void bytesWrittenBesideAMappingAreSeenThroughIt(PageSize pageSize) throws Exception {
    long size = pageSize == PageSize.GIB_1 ? pageSize.bytes() : 2 * pageSize.bytes();
    try (var pool = HugepageReservation.reserve(pageSize, size / pageSize.bytes());
        Memfd memfd = Memfd.create("test", size, pageSize);
        Mapping mapping = memfd.map(0, size)) {
      ByteBuffer source = DirectBuffers.allocate(100);
      source.putLong(0, 0x1122334455667788L).position(0);

      memfd.writeAt(size - 100, source);

      assertEquals(0, source.remaining());
      assertEquals(0x1122334455667788L, mapping.slice(size - 100, 8).getLong());
      assertEquals(pageSize.bytes(), memfd.allocatedBytes());
      assertEquals(pageSize, memfd.pageSize());
      assertTrue(pool != null);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PageSize.class,
      names = {"KIB_4", "MIB_2"})
  void populateAllocatesAndPunchHoleFrees(PageSize pageSize) throws Exception {
    long size = 4 * pageSize.bytes();
    try (var pool = HugepageReservation.reserve(pageSize, 4);
        Memfd memfd = Memfd.create("test", size, pageSize);
        Mapping mapping = memfd.map(0, size)) {
      assertEquals(0, memfd.allocatedBytes());

      mapping.populate(0, size);
      assertEquals(size, memfd.allocatedBytes());
      memfd.punchHole(pageSize.bytes(), pageSize.bytes());
      assertEquals(size - pageSize.bytes(), memfd.allocatedBytes());
      memfd.allocate(pageSize.bytes(), pageSize.bytes());

      assertEquals(size, memfd.allocatedBytes());
      assertTrue(pool != null);
    }
  }

  @Test
  void reportsDataAndHolesOfASparseFile() throws Exception {
    try (Memfd memfd = Memfd.create("test", 16 * PAGE, PageSize.KIB_4)) {
      assertEquals(-1, memfd.nextData(0));
      assertEquals(0, memfd.nextHole(0));

      memfd.writeAt(3 * PAGE, DirectBuffers.allocate((int) (2 * PAGE)));

      assertEquals(3 * PAGE, memfd.nextData(0));
      assertEquals(5 * PAGE, memfd.nextHole(3 * PAGE));
      assertEquals(-1, memfd.nextData(5 * PAGE));
      assertEquals(-1, memfd.nextHole(16 * PAGE));
    }
  }

  @Test
  void copiesInAndOutAndFills() throws Exception {
    try (Mapping mapping = Mapping.anonymous(4 * PAGE)) {
      mapping.fill(0, 4 * PAGE, (byte) 7);
      mapping.copyIn(PAGE - 2, DirectBuffers.allocate(4).put(new byte[] {1, 2, 3, 4}).flip());
      ByteBuffer out = DirectBuffers.allocate(6);
      mapping.copyOut(PAGE - 3, out);

      byte[] bytes = new byte[6];
      out.flip().get(bytes);

      assertArrayEquals(new byte[] {7, 1, 2, 3, 4, 7}, bytes);
    }
  }

  @Test
  void refusesRangesOutsideTheMapping() throws Exception {
    try (Mapping mapping = Mapping.anonymous(PAGE)) {
      assertThrows(IndexOutOfBoundsException.class, () -> mapping.fill(1, PAGE, (byte) 0));
      assertThrows(IndexOutOfBoundsException.class, () -> mapping.copyIn(-1, 0L, 1));
      assertThrows(IndexOutOfBoundsException.class, () -> mapping.copyOut(Long.MAX_VALUE, 0L, 2));
      assertThrows(IllegalArgumentException.class, () -> mapping.copyIn(0, ByteBuffer.allocate(8)));
    }
  }

  @Test
  void refusesUseAfterClose() throws Exception {
    Mapping mapping = Mapping.anonymous(PAGE);
    mapping.close();
    mapping.close();

    assertThrows(IllegalStateException.class, () -> mapping.fill(0, 1, (byte) 0));
    assertThrows(IllegalStateException.class, mapping::address);
  }

  @Test
  void dontNeedDropsAnonymousContentsAndKeepsThoseOfAFile() throws Exception {
    try (Memfd memfd = Memfd.create("test", PAGE, PageSize.KIB_4);
        Mapping file = memfd.map(0, PAGE);
        Mapping anonymous = Mapping.anonymous(PAGE)) {
      file.fill(0, PAGE, (byte) 9);
      anonymous.fill(0, PAGE, (byte) 9);

      file.dontNeed(0, PAGE);
      anonymous.dontNeed(0, PAGE);

      assertEquals(9, file.slice(0, 1).get(0));
      assertEquals(0, anonymous.slice(0, 1).get(0));
    }
  }

  @Test
  void aHugepagePoolThatIsTooSmallIsAnErrorAndNoCrash() throws Exception {
    long pages = Hugepages.free(PageSize.MIB_2) + 4096;
    try (Memfd memfd = Memfd.create("test", pages * PageSize.MIB_2.bytes(), PageSize.MIB_2)) {
      var refused = assertThrows(SyscallException.class, () -> memfd.map(0, memfd.sizeBytes()));

      assertEquals(Errno.ENOMEM, refused.errno());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PageSize.class,
      names = {"KIB_4", "MIB_2"})
  void adoptFindsSizeAndPageSizeAndRefusesTheWrongOne(PageSize pageSize) throws Exception {
    PageSize other = pageSize == PageSize.KIB_4 ? PageSize.MIB_2 : PageSize.KIB_4;
    try (Memfd memfd = Memfd.create("test", 2 * pageSize.bytes(), pageSize);
        OwnedFd copy = memfd.fd().duplicate();
        Memfd adopted = Memfd.adopt(copy, pageSize)) {
      assertNotEquals(memfd.fd().raw(), adopted.fd().raw());
      assertEquals(2 * pageSize.bytes(), adopted.sizeBytes());
      assertThrows(IllegalArgumentException.class, () -> Memfd.adopt(copy, other));
      assertTrue(copy.isOpen());
    }
  }

  @Test
  void refusesSizesThatAreNoMultipleOfThePage() {
    assertThrows(
        IllegalArgumentException.class, () -> Memfd.create("test", PAGE + 1, PageSize.KIB_4));
    assertThrows(IllegalArgumentException.class, () -> Memfd.create("test", PAGE, PageSize.MIB_2));
    assertThrows(IllegalArgumentException.class, () -> Memfd.create("test", 0, PageSize.KIB_4));
  }

  @Test
  void readingAHoleAllocatesNothing() throws Exception {
    try (Memfd memfd = Memfd.create("test", 8 * PAGE, PageSize.KIB_4)) {
      ByteBuffer page = DirectBuffers.allocate((int) PAGE);
      page.put(0, (byte) 1);

      memfd.readAt(PAGE, page);

      assertEquals(0, page.get(0));
      assertEquals(0, memfd.allocatedBytes());
    }
  }
}
