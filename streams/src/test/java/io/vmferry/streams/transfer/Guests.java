package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.PageRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;

/** Guest memory of three regions, the last two adjacent, with random contents. */
public final class Guests {
  public static final long LOW_BYTES = 16 << 20;
  public static final long HIGH_BASE = 4L << 30;
  public static final long HIGH_BYTES = 6 << 20;
  public static final long NEXT_BASE = HIGH_BASE + HIGH_BYTES;
  public static final long NEXT_BYTES = 2 << 20;
  public static final int PAGE = 4096;

  private Guests() {}

  public static GuestMemory threeRegions() throws IOException {
    Memfd shared = Memfd.create("test-low", LOW_BYTES + HIGH_BYTES, PageSize.KIB_4);
    Memfd own = Memfd.create("test-next", NEXT_BYTES, PageSize.KIB_4);
    return GuestMemory.adopt(
        List.of(
            region(0, 0, shared, 0, LOW_BYTES),
            region(1, HIGH_BASE, shared, LOW_BYTES, HIGH_BYTES),
            region(2, NEXT_BASE, own, 0, NEXT_BYTES)));
  }

  /** A userfaultfd over the whole memory: who touches a missing page waits until it is answered. */
  static Uffd watch(GuestMemory memory) throws IOException {
    Uffd uffd = Uffd.open();
    for (GuestRegion region : memory.regions()) {
      uffd.register(
          region.mapping().hva(),
          region.sizeBytes(),
          EnumSet.of(Uffd.Mode.MISSING, Uffd.Mode.MINOR));
    }
    return uffd;
  }

  private static GuestRegion region(int slot, long base, Memfd memfd, long offset, long bytes)
      throws IOException {
    return GuestRegion.map(slot, new Gpa(base), bytes, memfd, offset);
  }

  /** Fills one page in {@code oneIn} on average, leaving holes between them. */
  public static long fillSome(GuestMemory memory, Random random, int oneIn) {
    long filled = 0;
    for (GuestRegion region : memory.regions()) {
      for (long at = 0; at < region.sizeBytes(); at += PAGE) {
        if (random.nextInt(oneIn) == 0) {
          fill(memory, region.base().plus(at), random);
          filled++;
        }
      }
    }
    return filled;
  }

  public static void fill(GuestMemory memory, Gpa page, Random random) {
    byte[] bytes = new byte[PAGE];
    random.nextBytes(bytes);
    memory.write(page, bytes);
  }

  /** Random runs that do not overlap, in every region, their pages rewritten. */
  public static List<PageRun> dirty(GuestMemory memory, Random random) {
    List<PageRun> runs = new ArrayList<>();
    for (GuestRegion region : memory.regions()) {
      long pages = region.sizeBytes() / PAGE;
      for (long page = random.nextInt(8); page < pages; page += 1 + random.nextInt(40)) {
        long length = Math.min(pages - page, 1 + random.nextInt(random.nextInt(6) == 0 ? 600 : 4));
        for (long i = 0; i < length; i++) {
          fill(memory, region.base().plus((page + i) * PAGE), random);
        }
        runs.add(new PageRun(region.base().value() + page * PAGE, length * PAGE));
        page += length;
      }
    }
    return runs;
  }

  public static Random random(String test) {
    long seed = System.nanoTime();
    System.out.println(test + " seed " + seed);
    return new Random(seed);
  }
}
