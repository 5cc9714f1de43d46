package io.vmferry.actors.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class TouchWaitsTest {

  @Test
  void fourBucketsCoverAPowerOfTwo() {
    assertEquals(TouchWaits.SHORTEST_CYCLES, TouchWaits.floorCycles(0));
    assertEquals(40960, TouchWaits.floorCycles(1));
    assertEquals(65536, TouchWaits.floorCycles(TouchWaits.STEPS));
    assertEquals(1L << 32, TouchWaits.floorCycles(TouchWaits.BUCKETS));
  }

  @Test
  void addsTheNewestReportsOfAllVcpus() {
    TouchWaits waits =
        TouchWaits.parse(
            "=9\nvmferry waits cpu=0/2 0=1\nvmferry standard cpu=0/2 it=1 ok=1 bad=0 sweeps=0\n"
                + "vmferry waits cpu=1/2 4=63\nvmferry waits cpu=0/2 0=2 43=1\nvmferry waits cpu=1");

    assertEquals(2 + 99 + 1, waits.count());
    assertEquals((65536 + 81920) / 2.0, waits.percentileCycles(0.5));
    assertEquals((65536 + 81920) / 2.0, waits.percentileCycles(0.99));
    assertEquals((7.0 + 8.0) * (1 << 29) / 2, waits.percentileCycles(1));
  }

  @Test
  void whatWasThereBeforeDoesNotCount() {
    TouchWaits before = TouchWaits.parse("vmferry waits cpu=0/1 3=5\n");
    TouchWaits after = TouchWaits.parse("vmferry waits cpu=0/1 0=1 3=5\n");

    assertEquals(1, after.since(before).count());
    assertEquals((32768 + 40960) / 2.0, after.since(before).percentileCycles(0.99));
    assertEquals(0, before.since(after).count());
    assertEquals(0, before.since(after).percentileCycles(0.5));
  }

  @Test
  void reportsAreCountedOnceEveryVcpuMadeOne() {
    String one = "vmferry waits cpu=0/2\nvmferry waits cpu=0/2\n";

    assertEquals(0, TouchWaits.reports(one));
    assertEquals(1, TouchWaits.reports(one + "vmferry waits cpu=1/2 0=1\n"));
  }
}
