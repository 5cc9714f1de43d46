package io.vmferry.kvm.memory;

import io.vmferry.kvm.Gpa;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * A 64-bit digest of guest memory, to compare two sides of a migration.
 *
 * <p>It is the sum, modulo 2^64, of one mixed value for every 4 KiB page that is not all zero, made
 * of the page's guest address, CRC-32C and CRC-32. So it does not depend on the order of pages,
 * partial digests add up, and holes equal zeros. It finds accidents; it is no proof against
 * somebody who crafts pages.
 */
public final class MemoryDigest {
  /** The unit of the digest, whatever pages the memory is made of. */
  public static final int PAGE_BYTES = 4096;

  // Large enough that a call's cost vanishes, small enough to stay in the second-level cache.
  private static final int CHUNK_BYTES = 256 << 10;
  private static final ByteBuffer ZERO_PAGE = ByteBuffer.allocateDirect(PAGE_BYTES);

  private MemoryDigest() {}

  /**
   * The digest of a guest's whole memory, which must not change meanwhile. It is read from the
   * files and not through the mappings: nothing is allocated and no fault can happen. Pages that
   * have not arrived yet count as zeros.
   *
   * @throws IOException if a file cannot be read
   */
  public static long of(GuestMemory memory) throws IOException {
    long sum = 0;
    ByteBuffer chunk = chunk();
    for (GuestRegion region : memory.regions()) {
      sum += of(region, 0, region.sizeBytes(), chunk);
    }
    return sum;
  }

  /**
   * The share of a part of one region in the digest of the whole memory; read as {@link #of(
   * GuestMemory)} does.
   *
   * @param gpa where the part begins, a multiple of 4 KiB
   * @param lengthBytes a multiple of 4 KiB
   * @param chunk from {@link #chunk}, overwritten: one serves many parts
   * @throws IOException if the file cannot be read
   * @throws IllegalArgumentException if no region holds the whole part
   */
  public static long of(GuestMemory memory, Gpa gpa, long lengthBytes, ByteBuffer chunk)
      throws IOException {
    GuestRegion region = memory.regionAt(gpa, lengthBytes);
    return of(region, region.offsetOf(gpa), lengthBytes, chunk);
  }

  /** What memory is read into. */
  public static ByteBuffer chunk() {
    return DirectBuffers.allocate(CHUNK_BYTES);
  }

  /**
   * The share of pages in a whole digest.
   *
   * @param gpa the guest address of the first page, a multiple of 4 KiB
   * @param page the bytes of one page or of several that follow each other, present in memory; the
   *     position does not move
   * @return 0 for zeros
   */
  public static long ofPage(long gpa, ByteBuffer page) {
    if (page.remaining() % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(page.remaining() + " bytes are no multiple of 4 KiB");
    }
    long sum = 0;
    ByteBuffer view = page.duplicate();
    CRC32C crc32c = new CRC32C();
    CRC32 crc32 = new CRC32();
    int end = page.limit();
    for (int at = page.position(); at < end; at += PAGE_BYTES) {
      view.limit(at + PAGE_BYTES).position(at);
      if (ZERO_PAGE.mismatch(view) >= 0) {
        crc32c.reset();
        crc32c.update(view);
        view.position(at);
        crc32.reset();
        crc32.update(view);
        sum += mix(gpa + (at - page.position()), crc32c.getValue(), crc32.getValue());
      }
    }
    return sum;
  }

  private static long of(GuestRegion region, long offset, long lengthBytes, ByteBuffer chunk)
      throws IOException {
    Memfd memfd = region.memfd();
    long first = region.fileOffset() + offset;
    long end = first + lengthBytes;
    long sum = 0;
    long data = memfd.nextData(first);
    while (data >= 0 && data < end) {
      // Invariant: the kernel reports data and holes in whole pages, so no page is seen twice.
      long hole = Math.min(end, memfd.nextHole(data));
      for (long at = data; at < hole; at += chunk.capacity()) {
        chunk.clear().limit((int) Math.min(chunk.capacity(), hole - at));
        memfd.readAt(at, chunk);
        sum += ofPage(region.base().value() + (at - region.fileOffset()), chunk.flip());
      }
      data = hole < end ? memfd.nextData(hole) : -1;
    }
    return sum;
  }

  // Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied to checks, then address.
  private static long mix(long gpa, long crc32c, long crc32) {
    return scramble(scramble(crc32c << 32 | crc32) + gpa * 0x9e3779b97f4a7c15L);
  }

  private static long scramble(long value) {
    long mixed = value + 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
    return mixed ^ mixed >>> 31;
  }
}
