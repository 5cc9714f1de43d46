package io.vmferry.kvm.memory;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;

/**
 * One piece of a guest's RAM: a memslot with the file and the mapping behind it.
 *
 * @param slot KVM memslot number
 * @param base the first guest physical address
 * @param sizeBytes a multiple of the page size
 * @param memfd the file; regions may share one
 * @param fileOffset where the region starts in the file, in bytes
 * @param mapping the region's bytes in this process, from {@code base} on
 */
public record GuestRegion(
    int slot, Gpa base, long sizeBytes, Memfd memfd, long fileOffset, Mapping mapping) {
  // Shorter data is overwritten: it is warm, and the guest is likely to write there again.
  static final long FREED_BYTES = 2L << 20;

  /** Checks that file and mapping are long enough. */
  public GuestRegion {
    if (sizeBytes <= 0 || base.value() < 0 || base.value() + sizeBytes < 0) {
      throw new IllegalArgumentException(
          "region of " + sizeBytes + " bytes at " + base + " is no part of an address space");
    }
    if (mapping.lengthBytes() < sizeBytes
        || fileOffset < 0
        || memfd.sizeBytes() - fileOffset < sizeBytes) {
      throw new IllegalArgumentException("file or mapping of slot " + slot + " is too short");
    }
  }

  /**
   * Maps a part of a memory file as a region.
   *
   * @param memfd stays the caller's if this throws
   * @throws SyscallException if it cannot be mapped
   */
  public static GuestRegion map(int slot, Gpa base, long sizeBytes, Memfd memfd, long fileOffset)
      throws SyscallException {
    return new GuestRegion(
        slot, base, sizeBytes, memfd, fileOffset, memfd.map(fileOffset, sizeBytes));
  }

  /** The first address behind the region. */
  public Gpa end() {
    return base.plus(sizeBytes);
  }

  /** Whether {@code lengthBytes} bytes from {@code gpa} on are all inside. */
  public boolean contains(Gpa gpa, long lengthBytes) {
    long offset = gpa.value() - base.value();
    return gpa.value() >= base.value()
        && lengthBytes >= 0
        && offset <= sizeBytes
        && lengthBytes <= sizeBytes - offset;
  }

  /** How far {@code gpa} is behind the region's base, in bytes. */
  public long offsetOf(Gpa gpa) {
    return gpa.value() - base.value();
  }

  /** See {@link GuestMemory#clear}. */
  void clear(long offset, long lengthBytes) throws SyscallException {
    long end = offset + lengthBytes;
    for (long data = nextData(offset, end); data < end; ) {
      long hole = memfd.nextHole(fileOffset + data);
      long length = (hole < 0 ? end : Math.min(end, hole - fileOffset)) - data;
      // A hole in a file of hugepages would lose its place in the pool.
      if (length < FREED_BYTES || memfd.pageSize().isHuge()) {
        mapping.fill(data, length, (byte) 0);
      } else {
        memfd.punchHole(fileOffset + data, length);
      }
      data = nextData(data + length, end);
    }
  }

  /** Where data begins at or behind an offset of the region, {@code end} if not before it. */
  private long nextData(long offset, long end) throws SyscallException {
    long data = offset < end ? memfd.nextData(fileOffset + offset) : -1;
    return data < 0 ? end : Math.min(end, data - fileOffset);
  }

  /** The address of a guest byte in this process. */
  public Hva hvaOf(Gpa gpa) {
    return mapping.hva().plus(offsetOf(gpa));
  }

  /** The guest address of a byte of the mapping. */
  public Gpa gpaOf(Hva hva) {
    return base.plus(hva.value() - mapping.address());
  }
}
