package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A memory file: guest memory that can be mapped, written beside its mappings and handed to another
 * process.
 *
 * <p>Thread-safe, but for {@link #close}, which must not race other calls.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/memfd_create.2.html">memfd_create(2)</a>
 */
public final class Memfd implements AutoCloseable {
  private final OwnedFd fd;
  private final SparseFile file;
  private final long sizeBytes;
  private final PageSize pageSize;
  // hugetlbfs has no write(2): writeAt goes through this mapping of the whole file there.
  private @Nullable Mapping window;

  private Memfd(OwnedFd fd, long sizeBytes, PageSize pageSize) {
    this.fd = fd;
    this.file = new SparseFile(fd, sizeBytes);
    this.sizeBytes = sizeBytes;
    this.pageSize = pageSize;
  }

  /**
   * Creates a memory file that is all hole: nothing is allocated yet. Where the kernel and this
   * process's rights allow it, mappings of a 4 KiB file get transparent 2 MiB pages: filling such
   * memory costs a tenth (docs/decisions/0009).
   *
   * @param name shown in /proc/PID/maps of a plain memfd, at most 249 bytes
   * @param sizeBytes a positive multiple of the page size
   * @param pageSize 2 MiB and 1 GiB come from the host's hugepage pool, which {@link #map} draws
   *     from
   * @throws SyscallException EMFILE without free descriptors; ENODEV or EINVAL if the kernel has no
   *     hugepages of this size
   */
  public static Memfd create(String name, long sizeBytes, PageSize pageSize)
      throws SyscallException {
    if (sizeBytes <= 0 || !pageSize.divides(sizeBytes)) {
      throw new IllegalArgumentException(
          "memory of " + sizeBytes + " bytes is no multiple of its page size " + pageSize.label());
    }
    OwnedFd transparent = pageSize.isHuge() ? null : TransparentHugepages.createFile();
    OwnedFd fd = transparent != null ? transparent : memfd(name, pageSize);
    if (MemoryCalls.ftruncate(fd.raw(), sizeBytes) < 0) {
      int errno = Native.getLastError();
      fd.close();
      throw new SyscallException("ftruncate(" + fd + ", len=" + sizeBytes + ")", errno);
    }
    return new Memfd(fd, sizeBytes, pageSize);
  }

  private static OwnedFd memfd(String name, PageSize pageSize) throws SyscallException {
    int flags = MemoryCalls.MFD_CLOEXEC;
    if (pageSize.isHuge()) {
      flags |= MemoryCalls.MFD_HUGETLB | pageSize.shift() << MemoryCalls.MFD_HUGE_SHIFT;
    }
    int raw = MemoryCalls.memfd_create(name, flags);
    if (raw < 0) {
      throw new SyscallException("memfd_create(" + name + ")", Native.getLastError());
    }
    return new OwnedFd(raw);
  }

  /**
   * Takes over a memory file made elsewhere, whose page size the kernel tells.
   *
   * @param fd stays the caller's if this throws
   * @throws SyscallException if it cannot be examined
   * @throws IllegalArgumentException if its page size is none of {@link PageSize}, or it is empty
   */
  public static Memfd adopt(OwnedFd fd) throws SyscallException {
    long size = sizeOf(fd);
    if (size <= 0) {
      throw new IllegalArgumentException("the memory file is empty");
    }
    return new Memfd(fd, size, pageSizeOf(fd));
  }

  /**
   * Takes over a memory file made elsewhere, whose pages must be of the given size.
   *
   * @param fd stays the caller's if this throws
   * @throws SyscallException if it cannot be examined
   * @throws IllegalArgumentException if its pages are of another size, or it is empty
   */
  public static Memfd adopt(OwnedFd fd, PageSize pageSize) throws SyscallException {
    Memfd memfd = adopt(fd);
    if (memfd.pageSize != pageSize) {
      throw new IllegalArgumentException(
          "the memory file has pages of "
              + memfd.pageSize.label()
              + ", expected "
              + pageSize.label());
    }
    return memfd;
  }

  static long sizeOf(OwnedFd fd) throws SyscallException {
    return stat(fd, MemoryCalls.STATX_SIZE);
  }

  /** The file's bytes and holes, read without a mapping; closed with this. */
  public SparseFile file() {
    return file;
  }

  /** The descriptor, still owned here: {@link OwnedFd#duplicate} it to pass it on. */
  public OwnedFd fd() {
    return fd;
  }

  /** The size in bytes, holes included. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /** The size of the pages it is made of. */
  public PageSize pageSize() {
    return pageSize;
  }

  /**
   * The bytes that are allocated, holes excluded (st_blocks).
   *
   * @throws SyscallException if it cannot be examined
   */
  public long allocatedBytes() throws SyscallException {
    return allocatedBytesOf(fd);
  }

  static long allocatedBytesOf(OwnedFd fd) throws SyscallException {
    return stat(fd, MemoryCalls.STATX_BLOCKS) * 512;
  }

  /**
   * Maps a part of the file, shared: other mappings and processes see what is written.
   *
   * @param offset in bytes, a multiple of the page size
   * @param lengthBytes a positive multiple of the page size
   * @throws SyscallException ENOMEM if the hugepage pool is too small or the process has too many
   *     mappings
   */
  public Mapping map(long offset, long lengthBytes) throws SyscallException {
    file.checkRange(offset, lengthBytes);
    if (lengthBytes == 0 || !pageSize.divides(offset) || !pageSize.divides(lengthBytes)) {
      throw new IllegalArgumentException(
          "offset " + offset + " and length " + lengthBytes + " are no multiple of the page size");
    }
    // Invariant: no MAP_NORESERVE, so a hugepage pool that is too small fails here with ENOMEM and
    // not later with SIGBUS in whoever touches the page.
    Mapping mapping =
        Mapping.map(
            lengthBytes, MemoryCalls.MAP_SHARED, fd.raw(), offset, "mmap(memfd " + fd + ")");
    if (!pageSize.isHuge()) {
      mapping.preferHugepages();
    }
    return mapping;
  }

  /**
   * Allocates a part of the file, zeroed, without touching a mapping.
   *
   * @throws SyscallException ENOMEM or ENOSPC if there is too little memory
   */
  public void allocate(long offset, long lengthBytes) throws SyscallException {
    fallocate(0, offset, lengthBytes);
  }

  /**
   * Makes a part of the file a hole and drops it from every mapping. In 2 MiB and 1 GiB files the
   * hole also loses its place in the pool: {@link #allocate} it again before anybody touches it.
   *
   * @throws SyscallException if the kernel refuses
   */
  public void punchHole(long offset, long lengthBytes) throws SyscallException {
    fallocate(
        MemoryCalls.FALLOC_FL_PUNCH_HOLE | MemoryCalls.FALLOC_FL_KEEP_SIZE, offset, lengthBytes);
  }

  /**
   * Writes into the file without faulting on any mapping: cheaper than a copy into cold memory, and
   * safe while pages are missing.
   *
   * @param offset in bytes, of any alignment
   * @param source a direct buffer; its position moves to its limit
   * @throws SyscallException ENOSPC or ENOMEM if there is too little memory
   */
  public void writeAt(long offset, ByteBuffer source) throws SyscallException {
    if (pageSize.isHuge()) {
      window().copyIn(offset, source);
    } else {
      file.writeAt(offset, source);
    }
  }

  /**
   * Writes bytes at an address into the file without faulting on any of the file's mappings.
   *
   * @param sourceAddress the first byte; must stay mapped during the call
   * @throws SyscallException ENOSPC or ENOMEM if there is too little memory
   */
  public void writeAt(long offset, long sourceAddress, long lengthBytes) throws SyscallException {
    file.checkRange(offset, lengthBytes);
    if (pageSize.isHuge()) {
      window().copyIn(offset, sourceAddress, lengthBytes);
      return;
    }
    file.writeAt(offset, sourceAddress, lengthBytes);
  }

  /**
   * Reads from the file without faulting on a mapping. Holes read as zeros and stay holes: in
   * postcopy this is not what the guest would see.
   *
   * @param destination a direct buffer; it is filled to its limit
   * @throws SyscallException if the kernel refuses
   */
  public void readAt(long offset, ByteBuffer destination) throws SyscallException {
    file.readAt(offset, destination);
  }

  /**
   * The first offset at or behind {@code offset} that holds data, or -1 if only holes follow. Files
   * of 2 MiB and 1 GiB pages count as data all over: hugetlbfs does not tell.
   *
   * @throws SyscallException if the kernel refuses
   */
  public long nextData(long offset) throws SyscallException {
    return file.nextData(offset);
  }

  /**
   * The first offset at or behind {@code offset} that is a hole, the file's end included, or -1 if
   * {@code offset} is the end or behind it.
   *
   * @throws SyscallException if the kernel refuses
   */
  public long nextHole(long offset) throws SyscallException {
    return file.nextHole(offset);
  }

  /** Closes the descriptor. Mappings made of it stay valid until they are closed themselves. */
  @Override
  public synchronized void close() {
    if (window != null) {
      window.close();
      window = null;
    }
    fd.close();
  }

  private void fallocate(int mode, long offset, long lengthBytes) throws SyscallException {
    file.checkRange(offset, lengthBytes);
    while (MemoryCalls.fallocate(fd.raw(), mode, offset, lengthBytes) < 0) {
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        throw new SyscallException(file.describe("fallocate", offset, lengthBytes), errno);
      }
    }
  }

  private synchronized Mapping window() throws SyscallException {
    if (window == null) {
      window = map(0, sizeBytes);
    }
    return window;
  }

  private static long stat(OwnedFd fd, int field) throws SyscallException {
    ByteBuffer buffer = DirectBuffers.allocate(MemoryCalls.STATX_BYTES);
    int result =
        MemoryCalls.statx(
            fd.raw(),
            "",
            MemoryCalls.AT_EMPTY_PATH,
            MemoryCalls.STATX_BASIC_STATS,
            DirectBuffers.address(buffer));
    if (result < 0) {
      throw new SyscallException("statx(" + fd + ")", Native.getLastError());
    }
    return buffer.getLong(field);
  }

  private static PageSize pageSizeOf(OwnedFd fd) throws SyscallException {
    ByteBuffer buffer = DirectBuffers.allocate(MemoryCalls.STATFS_BYTES);
    if (MemoryCalls.fstatfs(fd.raw(), DirectBuffers.address(buffer)) < 0) {
      throw new SyscallException("fstatfs(" + fd + ")", Native.getLastError());
    }
    if (buffer.getLong(MemoryCalls.STATFS_TYPE) != MemoryCalls.HUGETLBFS_MAGIC) {
      return PageSize.KIB_4;
    }
    return PageSize.ofBytes(buffer.getLong(MemoryCalls.STATFS_BSIZE));
  }
}
