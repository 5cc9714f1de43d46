package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A mapped range of memory, read and write.
 *
 * <p>The copy and fill methods touch memory inside a native call, so a missing page that
 * userfaultfd watches stops their thread only. {@link #slice} does not protect its user that way.
 *
 * <p>Thread-safe, but for {@link #close}: an access after it, or during it, ends the process.
 */
public final class Mapping implements AutoCloseable {
  // Long enough that calls cost nothing, short enough to notice a signal between two of them.
  private static final long POPULATE_STEP_BYTES = 1L << 30;

  private final long address;
  private final long lengthBytes;
  private final AtomicBoolean closed = new AtomicBoolean();

  private Mapping(long address, long lengthBytes) {
    this.address = address;
    this.lengthBytes = lengthBytes;
  }

  /**
   * Maps private zeroed memory of 4 KiB pages, not backed by a file.
   *
   * @param lengthBytes a positive multiple of 4 KiB
   * @throws SyscallException ENOMEM if there is too little memory
   */
  public static Mapping anonymous(long lengthBytes) throws SyscallException {
    return anonymous(lengthBytes, PageSize.KIB_4);
  }

  /**
   * Maps private zeroed memory, not backed by a file.
   *
   * @param lengthBytes a positive multiple of the page size
   * @throws SyscallException ENOMEM if there is too little memory or too few free hugepages
   */
  public static Mapping anonymous(long lengthBytes, PageSize pageSize) throws SyscallException {
    if (lengthBytes <= 0 || !pageSize.divides(lengthBytes)) {
      throw new IllegalArgumentException(
          lengthBytes + " bytes are no multiple of the page size " + pageSize.label());
    }
    int flags = MemoryCalls.MAP_PRIVATE | MemoryCalls.MAP_ANONYMOUS;
    if (pageSize.isHuge()) {
      flags |= MemoryCalls.MAP_HUGETLB | pageSize.shift() << MemoryCalls.MAP_HUGE_SHIFT;
    }
    return map(lengthBytes, flags, -1, 0, "mmap(anonymous " + pageSize.label() + ")");
  }

  static Mapping map(long lengthBytes, int flags, int fd, long offset, String call)
      throws SyscallException {
    long address = MemoryCalls.mmap(0, lengthBytes, MemoryCalls.PROT_READ_WRITE, flags, fd, offset);
    if (address == MemoryCalls.MAP_FAILED) {
      throw new SyscallException(call + " of " + lengthBytes + " bytes", Native.getLastError());
    }
    return new Mapping(address, lengthBytes);
  }

  /**
   * The address of the first byte.
   *
   * @throws IllegalStateException if it is closed
   */
  public long address() {
    if (closed.get()) {
      throw new IllegalStateException("mapping is closed");
    }
    return address;
  }

  /**
   * The address of the first byte, typed.
   *
   * @throws IllegalStateException if it is closed
   */
  public Hva hva() {
    return new Hva(address());
  }

  /** The length in bytes. */
  public long lengthBytes() {
    return lengthBytes;
  }

  /**
   * A direct buffer over a part, in native byte order, for system calls and for memory that is
   * present.
   *
   * <p>Hazard: Java code that touches a missing page through the buffer waits in the kernel while
   * the VM believes it runs; the next safepoint waits for it, and where this process serves the
   * fault, for ever. Use the copy methods or a socket call for memory that may be missing. The
   * buffer must not be used after {@link #close}.
   *
   * @throws IndexOutOfBoundsException if the part is not inside the mapping
   */
  public ByteBuffer slice(long offset, int lengthBytes) {
    return DirectBuffers.over(at(offset, lengthBytes), lengthBytes);
  }

  /**
   * Allocates every page of a part and makes it present for writing (MADV_POPULATE_WRITE).
   *
   * @throws SyscallException ENOMEM if there is too little memory; EFAULT if userfaultfd watches a
   *     missing page of it; EINVAL before Linux 5.14
   */
  public void populate(long offset, long lengthBytes) throws SyscallException {
    long first = at(offset, lengthBytes);
    for (long done = 0; done < lengthBytes; ) {
      long step = Math.min(POPULATE_STEP_BYTES, lengthBytes - done);
      if (advise(first + done, step, MemoryCalls.MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE")) {
        done += step;
      }
    }
  }

  /**
   * Lets the kernel use transparent hugepages (MADV_HUGEPAGE). Only advice: a kernel that has none
   * refuses, and nothing changes but speed.
   */
  void preferHugepages() {
    MemoryCalls.madvise(address(), lengthBytes, MemoryCalls.MADV_HUGEPAGE);
  }

  /**
   * Drops a part from this mapping. Anonymous memory loses its contents; memory of a file is only
   * unmapped and comes back on the next touch.
   *
   * @throws SyscallException if the kernel refuses
   */
  public void dontNeed(long offset, long lengthBytes) throws SyscallException {
    long first = at(offset, lengthBytes);
    while (!advise(first, lengthBytes, MemoryCalls.MADV_DONTNEED, "MADV_DONTNEED")) {
      Thread.onSpinWait();
    }
  }

  /**
   * Copies a direct buffer into the mapping.
   *
   * @param source a direct buffer; its position moves to its limit
   */
  public void copyIn(long offset, ByteBuffer source) {
    try {
      copyIn(offset, DirectBuffers.address(source), source.remaining());
    } finally {
      Reference.reachabilityFence(source);
    }
    source.position(source.limit());
  }

  /**
   * Copies bytes at an address into the mapping.
   *
   * @param sourceAddress the first byte; must stay mapped during the call
   */
  public void copyIn(long offset, long sourceAddress, long lengthBytes) {
    MemoryCalls.memcpy(at(offset, lengthBytes), sourceAddress, lengthBytes);
  }

  /**
   * Copies from the mapping into a direct buffer.
   *
   * @param destination a direct buffer; it is filled to its limit
   */
  public void copyOut(long offset, ByteBuffer destination) {
    try {
      copyOut(offset, DirectBuffers.address(destination), destination.remaining());
    } finally {
      Reference.reachabilityFence(destination);
    }
    destination.position(destination.limit());
  }

  /**
   * Copies from the mapping to an address.
   *
   * @param destinationAddress the first byte; must stay mapped during the call
   */
  public void copyOut(long offset, long destinationAddress, long lengthBytes) {
    MemoryCalls.memcpy(destinationAddress, at(offset, lengthBytes), lengthBytes);
  }

  /** Sets every byte of a part. */
  public void fill(long offset, long lengthBytes, byte value) {
    MemoryCalls.memset(at(offset, lengthBytes), value, lengthBytes);
  }

  /** Unmaps the range. Whoever uses it elsewhere must have stopped: KVM slots, buffers, threads. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      MemoryCalls.munmap(address, lengthBytes);
    }
  }

  private long at(long offset, long length) {
    return address() + Objects.checkFromIndexSize(offset, length, lengthBytes);
  }

  private static boolean advise(long address, long lengthBytes, int advice, String name)
      throws SyscallException {
    if (MemoryCalls.madvise(address, lengthBytes, advice) == 0) {
      return true;
    }
    int errno = Native.getLastError();
    if (errno == Errno.EINTR || errno == Errno.EAGAIN) {
      return false;
    }
    throw new SyscallException(
        "madvise(" + name + ", " + new Hva(address) + ", len=" + lengthBytes + ")", errno);
  }
}
