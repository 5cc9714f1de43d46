package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.testing.HugepageReservation;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestMemoryIT {
  @Test
  void memoryBeyondThreeGibibytesGoesOnAtFour() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate((3L << 30) + (1 << 20), PageSize.KIB_4)) {
      List<GuestRegion> regions = memory.regions();

      assertEquals(2, regions.size());
      assertEquals(new Gpa(3L << 30), regions.get(0).end());
      assertEquals(new Gpa(4L << 30), regions.get(1).base());
      assertEquals(1, regions.get(1).slot());
      assertEquals(1 << 20, regions.get(1).sizeBytes());
      assertEquals((3L << 30) + (1 << 20), memory.sizeBytes());
      assertEquals(0, regions.get(0).memfd().allocatedBytes());
    }
  }

  @Test
  void writtenBytesAreReadBackAtTheirGuestAddress() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate((3L << 30) + (1 << 20), PageSize.KIB_4)) {
      Gpa high = new Gpa((4L << 30) + 0x1234);
      memory.write(high, new byte[] {1, 2, 3});

      assertArrayEquals(new byte[] {0, 1, 2, 3, 0}, memory.read(high.plus(-1), 5));
      assertEquals(2, memory.slice(high, 3).get(1));
      GuestRegion region = memory.regionAt(high, 3);
      assertEquals(high, region.gpaOf(region.hvaOf(high)));
      // The second region starts where the first ends in the one file.
      assertEquals((3L << 30) + 0x1000, region.memfd().nextData(0));
    }
  }

  @Test
  void accessNeverCrossesARegionOrWrapsAround() throws Exception {
    try (GuestMemory memory = GuestMemory.allocate(1 << 20, PageSize.KIB_4)) {
      GuestRegion region = memory.regions().get(0);

      assertTrue(region.contains(new Gpa(0), 1 << 20));
      assertTrue(region.contains(new Gpa(1 << 20), 0));
      assertFalse(region.contains(new Gpa(1), 1 << 20));
      assertFalse(region.contains(new Gpa(4096), Long.MAX_VALUE));
      assertFalse(region.contains(new Gpa(-4096), 8192));
      assertFalse(region.contains(new Gpa(0), -1));
      assertNull(memory.find(new Gpa(1 << 20), 1));
      assertThrows(IllegalArgumentException.class, () -> memory.slice(new Gpa(0xfffff), 2));
      assertThrows(IllegalArgumentException.class, () -> memory.read(new Gpa(0xfffff), 2));
    }
  }

  @Test
  void adoptSortsRegionsAndRefusesOverlaps() throws Exception {
    try (Memfd memfd = Memfd.create("test", 4 << 20, PageSize.KIB_4);
        Mapping first = memfd.map(0, 1 << 20);
        Mapping second = memfd.map(1 << 20, 1 << 20)) {
      var low = new GuestRegion(4, new Gpa(0), 1 << 20, memfd, 0, first);
      var high = new GuestRegion(2, new Gpa(1 << 20), 1 << 20, memfd, 1 << 20, second);
      var across = new GuestRegion(3, new Gpa(4096), 1 << 20, memfd, 1 << 20, second);

      assertEquals(List.of(low, high), GuestMemory.adopt(List.of(high, low)).regions());
      assertThrows(IllegalArgumentException.class, () -> GuestMemory.adopt(List.of(low, across)));
      assertThrows(IllegalArgumentException.class, () -> GuestMemory.adopt(List.of()));
    }
  }

  @Test
  void tooFewHugepagesAreNamedInTheError() throws Exception {
    long size = (Hugepages.free(PageSize.MIB_2) + 4096) * PageSize.MIB_2.bytes();

    var refused = assertThrows(IOException.class, () -> GuestMemory.allocate(size, PageSize.MIB_2));

    assertTrue(refused.getMessage().contains("free hugepages of 2M"), refused.getMessage());
  }

  @Test
  void hostMemoryIsCounted() throws Exception {
    assertTrue(HostMemory.availableBytes() > 0);
    assertTrue(HostMemory.availableBytes() <= HostMemory.totalBytes());
    assertTrue(Hugepages.free(PageSize.KIB_4) > 0);
    assertTrue(Hugepages.free(PageSize.MIB_2) <= Hugepages.total(PageSize.MIB_2));
  }

  @Test
  void clearingLeavesHolesAndFreesLongData() throws Exception {
    long size = 16 << 20;
    try (GuestMemory memory = GuestMemory.allocate(size, PageSize.KIB_4)) {
      Memfd memfd = memory.regions().get(0).memfd();
      Mapping mapping = memory.regions().get(0).mapping();
      mapping.fill(1 << 20, 8192, (byte) 7);
      mapping.fill(4 << 20, 8 << 20, (byte) 7);

      memory.clear(new Gpa((1 << 20) + 4096), size - (1 << 20) - 8192);

      // What was short data stays: 8 KiB, or the transparent hugepage around them.
      assertTrue(memfd.allocatedBytes() <= 2 << 20, memfd.allocatedBytes() + " bytes");
      assertEquals(7, memory.read(new Gpa((1 << 20) + 4095), 1)[0]);
      assertArrayEquals(new byte[4096], memory.read(new Gpa((1 << 20) + 4096), 4096));
      assertArrayEquals(new byte[8 << 20], memory.read(new Gpa(4 << 20), 8 << 20));
    }
  }

  @Test
  void clearingKeepsTheHugepagesOfThePool() throws Exception {
    long size = PageSize.MIB_2.bytes() * 3;
    try (var pool = HugepageReservation.reserve(PageSize.MIB_2, 3);
        GuestMemory memory = GuestMemory.allocate(size, PageSize.MIB_2)) {
      memory.regions().get(0).mapping().fill(0, size, (byte) 7);

      memory.clear(new Gpa(4096), size - 4096);

      assertEquals(size, memory.regions().get(0).memfd().allocatedBytes());
      assertEquals(7, memory.read(new Gpa(4095), 1)[0]);
      assertArrayEquals(new byte[(int) size - 4096], memory.read(new Gpa(4096), (int) size - 4096));
      assertTrue(pool != null);
    }
  }
}
