package io.vmferry.kvm.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Memory files with transparent hugepages, as root on a kernel that has them. */
class TransparentHugepagesIT {
  private static final long HUGE = 2L << 20;
  private static final long PAGE = 4096;

  static boolean kernelHasThem() {
    return Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"));
  }

  @Test
  @EnabledIf("kernelHasThem")
  void aTouchedMappingGetsAWholeHugepage() throws Exception {
    try (Memfd memfd = Memfd.create("test", 4 * HUGE, PageSize.KIB_4);
        Mapping mapping = memfd.map(0, 4 * HUGE)) {
      mapping.fill(HUGE, 1, (byte) 1);

      assertTrue(Hugepages.transparent());
      assertEquals(HUGE, memfd.allocatedBytes());
      assertEquals(HUGE, memfd.nextData(0));
    }
  }

  @Test
  void aWriteToTheFileAllocatesWhatItWrites() throws Exception {
    try (Memfd memfd = Memfd.create("test", 4 * HUGE, PageSize.KIB_4)) {
      memfd.writeAt(HUGE, DirectBuffers.allocate((int) PAGE));

      assertEquals(PAGE, memfd.allocatedBytes());
    }
  }

  @Test
  void aHoleInAHugepageReadsAsZeros() throws Exception {
    try (Memfd memfd = Memfd.create("test", 2 * HUGE, PageSize.KIB_4);
        Mapping mapping = memfd.map(0, 2 * HUGE)) {
      mapping.fill(0, HUGE, (byte) 7);

      memfd.punchHole(PAGE, PAGE);

      assertEquals(7, mapping.slice(0, 1).get(0));
      assertEquals(0, mapping.slice(PAGE, 1).get(0));
      assertEquals(7, mapping.slice(2 * PAGE, 1).get(0));
    }
  }

  @Test
  void theMountIsNoneOfTheHosts() throws Exception {
    try (Memfd memfd = Memfd.create("test", HUGE, PageSize.KIB_4)) {
      String mounts = Files.readString(Path.of("/proc/self/mounts"));

      assertFalse(mounts.contains("huge=advise"), mounts);
      assertTrue(memfd.fd().isOpen());
    }
  }
}
