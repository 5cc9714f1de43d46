package io.vmferry.kvm.memory;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.SyscallException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A guest's RAM: its regions by guest physical address. Reads, writes and slices never cross from
 * one region into the next.
 */
public final class GuestMemory implements AutoCloseable {
  /**
   * RAM ends here and goes on at {@link #HIGH_BASE}: between them lie the local APIC and devices.
   */
  public static final long LOW_LIMIT = 3L << 30;

  /** Where the RAM that does not fit below {@link #LOW_LIMIT} starts. */
  public static final long HIGH_BASE = 4L << 30;

  private final List<GuestRegion> regions;
  private final long sizeBytes;

  private GuestMemory(List<GuestRegion> regions) {
    this.regions = regions;
    this.sizeBytes = regions.stream().mapToLong(GuestRegion::sizeBytes).sum();
  }

  /**
   * Makes the RAM of a new guest: one memory file, slot 0 from address 0, and what exceeds 3 GiB as
   * slot 1 from 4 GiB. Nothing of 4 KiB pages is allocated yet; hugepages are reserved.
   *
   * @param sizeBytes a positive multiple of the page size
   * @throws IOException if there is too little memory, with how much there is
   */
  public static GuestMemory allocate(long sizeBytes, PageSize pageSize) throws IOException {
    Memfd memfd = Memfd.create("vmferry-guest", sizeBytes, pageSize);
    List<GuestRegion> regions = new ArrayList<>();
    try {
      long low = Math.min(sizeBytes, LOW_LIMIT);
      regions.add(GuestRegion.map(0, new Gpa(0), low, memfd, 0));
      if (sizeBytes > low) {
        regions.add(GuestRegion.map(1, new Gpa(HIGH_BASE), sizeBytes - low, memfd, low));
      }
      return new GuestMemory(List.copyOf(regions));
    } catch (SyscallException e) {
      regions.forEach(region -> region.mapping().close());
      memfd.close();
      if (e.errno() == Errno.ENOMEM && pageSize.isHuge()) {
        throw new IOException(
            String.format(
                "memory of %d MiB needs %d free hugepages of %s, and %d are free",
                sizeBytes >> 20,
                sizeBytes / pageSize.bytes(),
                pageSize.label(),
                Hugepages.free(pageSize)),
            e);
      }
      throw e;
    }
  }

  /**
   * Takes over regions made elsewhere, with their files and mappings.
   *
   * @param regions in any order
   * @throws IllegalArgumentException if there is none, two overlap, or page sizes differ
   */
  public static GuestMemory adopt(List<GuestRegion> regions) {
    List<GuestRegion> sorted = new ArrayList<>(regions);
    sorted.sort(Comparator.comparing(GuestRegion::base));
    if (sorted.isEmpty()) {
      throw new IllegalArgumentException("a guest needs at least one region");
    }
    for (int i = 1; i < sorted.size(); i++) {
      if (sorted.get(i).base().value() < sorted.get(i - 1).end().value()) {
        throw new IllegalArgumentException(
            "slots " + sorted.get(i - 1).slot() + " and " + sorted.get(i).slot() + " overlap");
      }
      if (sorted.get(i).memfd().pageSize() != sorted.get(0).memfd().pageSize()) {
        throw new IllegalArgumentException("regions of one guest have different page sizes");
      }
    }
    return new GuestMemory(List.copyOf(sorted));
  }

  /** The regions, by rising address. */
  public List<GuestRegion> regions() {
    return regions;
  }

  /** The sum of the regions' sizes in bytes. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** The size of the pages all regions are made of. */
  public PageSize pageSize() {
    return regions.get(0).memfd().pageSize();
  }

  /** The region that holds all {@code lengthBytes} bytes from {@code gpa} on, or null. */
  public @Nullable GuestRegion find(Gpa gpa, long lengthBytes) {
    int low = 0;
    int high = regions.size();
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (regions.get(middle).base().value() <= gpa.value()) {
        low = middle;
      } else {
        high = middle;
      }
    }
    GuestRegion region = regions.get(low);
    return region.contains(gpa, lengthBytes) ? region : null;
  }

  /**
   * The region that holds all {@code lengthBytes} bytes from {@code gpa} on.
   *
   * @throws IllegalArgumentException if no region does
   */
  public GuestRegion regionAt(Gpa gpa, long lengthBytes) {
    GuestRegion region = find(gpa, lengthBytes);
    if (region == null) {
      throw new IllegalArgumentException(
          lengthBytes + " bytes at guest address " + gpa + " are not in one region of its memory");
    }
    return region;
  }

  /**
   * A direct buffer over guest memory; see the hazard of {@link Mapping#slice}.
   *
   * @throws IllegalArgumentException if no region holds the whole range
   */
  public ByteBuffer slice(Gpa gpa, int lengthBytes) {
    GuestRegion region = regionAt(gpa, lengthBytes);
    return region.mapping().slice(region.offsetOf(gpa), lengthBytes);
  }

  /**
   * Copies a direct buffer into guest memory.
   *
   * @param source a direct buffer; its position moves to its limit
   * @throws IllegalArgumentException if no region holds the whole range
   */
  public void write(Gpa gpa, ByteBuffer source) {
    GuestRegion region = regionAt(gpa, source.remaining());
    region.mapping().copyIn(region.offsetOf(gpa), source);
  }

  /**
   * Copies bytes into guest memory.
   *
   * @throws IllegalArgumentException if no region holds the whole range
   */
  public void write(Gpa gpa, byte[] bytes) {
    write(gpa, DirectBuffers.allocate(bytes.length).put(bytes).flip());
  }

  /**
   * Makes a range zero without allocating what is a hole, and frees what is long enough to be worth
   * it. Nobody may write the range meanwhile, and no page of it may be missing in postcopy.
   *
   * @throws IllegalArgumentException if no region holds the whole range
   * @throws SyscallException if the kernel refuses
   */
  public void clear(Gpa gpa, long lengthBytes) throws SyscallException {
    GuestRegion region = regionAt(gpa, lengthBytes);
    region.clear(region.offsetOf(gpa), lengthBytes);
  }

  /**
   * Copies bytes out of guest memory.
   *
   * @throws IllegalArgumentException if no region holds the whole range
   */
  public byte[] read(Gpa gpa, int lengthBytes) {
    GuestRegion region = regionAt(gpa, lengthBytes);
    ByteBuffer copy = DirectBuffers.allocate(lengthBytes);
    region.mapping().copyOut(region.offsetOf(gpa), copy);
    byte[] bytes = new byte[lengthBytes];
    copy.flip().get(bytes);
    return bytes;
  }

  /** Unmaps every region and closes the files. */
  @Override
  public void close() {
    for (GuestRegion region : regions) {
      region.mapping().close();
      region.memfd().close();
    }
  }
}
