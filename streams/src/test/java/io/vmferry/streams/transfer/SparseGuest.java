package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.wire.Extensions;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;

/**
 * A guest of 64 GiB, mostly holes, sent and received in one JVM; its heap is the bound. Prints one
 * line: {@code done}, the bytes and ranges of both rounds, and the pages of a log that is dirty
 * every other page.
 */
public final class SparseGuest {
  static final long GUEST_BYTES = 64L << 30;
  static final int EXTENTS = 64;
  static final int EXTENT_BYTES = 4 << 20;

  private SparseGuest() {}

  /** Runs in a JVM of its own. */
  public static void main(String[] arguments) throws Exception {
    try (StreamSystem streams = new StreamSystem("SparseGuest");
        TwoHosts hosts =
            new TwoHosts(
                GuestMemory.allocate(GUEST_BYTES, PageSize.KIB_4),
                GuestMemory.allocate(GUEST_BYTES, PageSize.KIB_4))) {
      GuestMemory source = hosts.source();
      fill(source);
      Materializer materializer = streams.materializer();
      hosts.connect(2);
      hosts.receive(Extensions.known(), materializer);
      PageEncoding encoding = PageEncoding.of(Extensions.known(), Compression.OFF);

      RoundResult first =
          send(new SnapshotRuns(source), encoding.withoutZeros(), hosts, materializer);
      // Every other page of the data: as many ranges as can be.
      DirtyPages dirty = everyOther(source, false);
      RoundResult second = send(dirty.runs(), encoding, hosts, materializer);
      long ranges = count(everyOther(source, true).or(dirty).runs());

      boolean equal = MemoryDigest.of(source) == MemoryDigest.of(hosts.destination());
      System.out.printf(
          "%s %d %d %d %d%n",
          equal ? "done" : "different", first.bytes(), second.bytes(), second.ranges(), ranges);
    }
  }

  private static RoundResult send(
      Iterator<PageRun> runs, PageEncoding encoding, TwoHosts hosts, Materializer materializer)
      throws Exception {
    return new PrecopySender(materializer)
        .sendRound(
            new PrecopyRound(runs, encoding, DirtyAgain.NEVER),
            hosts.source(),
            hosts.sources(),
            Throttle.unlimited(),
            KillSwitches.shared("round"),
            (guest, wire) -> {})
        .toCompletableFuture()
        .get(120, TimeUnit.SECONDS);
  }

  private static void fill(GuestMemory memory) {
    GuestRegion high = memory.regions().get(1);
    byte[] noise = new byte[EXTENT_BYTES];
    new Random(1).nextBytes(noise);
    for (int i = 0; i < EXTENTS; i++) {
      memory.write(extent(high, i), noise);
    }
  }

  private static Gpa extent(GuestRegion region, int i) {
    return region.base().plus(region.sizeBytes() / EXTENTS / 4096 * 4096 * i);
  }

  /** Every other page dirty, of the data or of all memory. */
  private static DirtyPages everyOther(GuestMemory memory, boolean all) {
    List<DirtyPages> parts = new ArrayList<>();
    for (GuestRegion region : memory.regions()) {
      long pages = region.sizeBytes() / 4096;
      LongBuffer words = LongBuffer.allocate((int) (pages / 64));
      for (int word = 0; all && word < words.capacity(); word++) {
        words.put(word, 0x5555_5555_5555_5555L);
      }
      for (int i = 0; !all && region.slot() == 1 && i < EXTENTS; i++) {
        long first = region.offsetOf(extent(region, i)) / 4096;
        for (long page = first; page < first + EXTENT_BYTES / 4096; page += 2) {
          words.put((int) (page / 64), words.get((int) (page / 64)) | 1L << page);
        }
      }
      parts.add(DirtyPages.ofRegion(region.base(), pages, words));
    }
    return DirtyPages.joined(parts);
  }

  private static long count(Iterator<PageRun> runs) {
    long count = 0;
    while (runs.hasNext()) {
      runs.next();
      count++;
    }
    return count;
  }
}
