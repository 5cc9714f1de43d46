package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.ChildJvm;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Many regions, and much memory with a small heap. */
@Timeout(180)
class ScaleIT {
  private static final int REGIONS = 128;
  private static final long REGION_BYTES = 256 * 1024;

  // DirtyPages of 64 GiB are 2 MiB each, four of them alive in the child; chunks and tables of two
  // connections 2 MiB; the rest is Pekko, Scala and the JVM's own.
  private static final int HEAP_MIB = 32;

  @Test
  void aGuestOf64GibMostlyHolesFitsASmallHeap() throws Exception {
    try (ChildJvm child = ChildJvm.start(HEAP_MIB, SparseGuest.class)) {
      String line = child.nextLine(Duration.ofMinutes(2));
      while (line != null && !line.startsWith("done") && !line.startsWith("Exception")) {
        line = child.nextLine(Duration.ofMinutes(2));
      }

      assertNotNull(line, "the child said nothing");
      long data = (long) SparseGuest.EXTENTS * SparseGuest.EXTENT_BYTES;
      assertArrayEquals(
          new Object[] {
            "done",
            Long.toString(data),
            Long.toString(data / 2),
            Long.toString(data / 2 / 4096),
            Long.toString(SparseGuest.GUEST_BYTES / 2 / 4096)
          },
          line.split(" ", -1));
      assertEquals(0, child.awaitExit(Duration.ofSeconds(30)));
    }
  }

  @Test
  void aGuestOf128RegionsIsFoundAndSentWhole() throws Exception {
    Random random = Guests.random("ScaleIT");
    try (StreamSystem streams = new StreamSystem("ScaleIT");
        TwoHosts hosts = new TwoHosts(regions(), regions())) {
      GuestMemory source = hosts.source();
      assertEveryRegionIsFound(source);
      Materializer materializer = streams.materializer();
      hosts.connect(4);
      hosts.receive(Extensions.known(), materializer);
      PageEncoding encoding = PageEncoding.of(Extensions.known(), Compression.LZ4);
      Guests.fillSome(source, random, 2);

      send(
          new PrecopyRound(new SnapshotRuns(source), encoding.withoutZeros(), DirtyAgain.NEVER),
          hosts,
          materializer);
      assertEquals(MemoryDigest.of(source), MemoryDigest.of(hosts.destination()));
      send(
          new PrecopyRound(Guests.dirty(source, random).iterator(), encoding, DirtyAgain.NEVER),
          hosts,
          materializer);

      assertEquals(MemoryDigest.of(source), MemoryDigest.of(hosts.destination()));
    }
  }

  private static void assertEveryRegionIsFound(GuestMemory memory) {
    GuestPages pages = GuestPages.of(memory);
    assertEquals(REGIONS * REGION_BYTES / 4096, pages.count());
    long page = 0;
    for (GuestRegion region : memory.regions()) {
      long last = region.end().value() - 4096;
      assertSame(region, memory.find(region.base(), REGION_BYTES));
      assertSame(region, memory.find(new Gpa(last), 4096));
      assertNull(memory.find(new Gpa(last), 8192));
      assertNull(memory.find(new Gpa(last + 4096), 1));
      assertEquals(page, pages.indexOf(region.base().value()));
      assertEquals(page + REGION_BYTES / 4096 - 1, pages.indexOf(last + 4095));
      assertEquals(GuestPages.OUTSIDE, pages.indexOf(last + 4096));
      assertEquals(region.base(), pages.gpaOf(page));
      assertEquals(new Gpa(last), pages.gpaOf(page + REGION_BYTES / 4096 - 1));
      page += REGION_BYTES / 4096;
    }
    assertNull(memory.find(new Gpa(0), 4096));
    assertEquals(GuestPages.OUTSIDE, pages.indexOf(0));
  }

  private static void send(PrecopyRound round, TwoHosts hosts, Materializer materializer)
      throws Exception {
    new PrecopySender(materializer)
        .sendRound(
            round,
            hosts.source(),
            hosts.sources(),
            Throttle.unlimited(),
            KillSwitches.shared("round"),
            (guest, wire) -> {})
        .toCompletableFuture()
        .get(60, SECONDS);
  }

  /** In one file, with as much room between them as they are long. */
  private static GuestMemory regions() throws IOException {
    Memfd memfd = Memfd.create("many", REGIONS * REGION_BYTES, PageSize.KIB_4);
    List<GuestRegion> regions = new ArrayList<>();
    for (int i = 0; i < REGIONS; i++) {
      long offset = i * REGION_BYTES;
      regions.add(
          new GuestRegion(
              i,
              new Gpa((1 + 2L * i) * REGION_BYTES),
              REGION_BYTES,
              memfd,
              offset,
              memfd.map(offset, REGION_BYTES)));
    }
    return GuestMemory.adopt(regions);
  }
}
