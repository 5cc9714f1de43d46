package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A file with holes, read and written at offsets: a snapshot's memory on disk, or what is behind a
 * {@link Memfd}.
 *
 * <p>Thread-safe, but for {@link #close}.
 */
public final class SparseFile implements AutoCloseable {
  private final OwnedFd fd;
  private final long sizeBytes;

  SparseFile(OwnedFd fd, long sizeBytes) {
    this.fd = fd;
    this.sizeBytes = sizeBytes;
  }

  /**
   * Makes a file that is all hole, readable and writable for its owner only.
   *
   * @param path where there is none
   * @throws SyscallException EEXIST if there is one; ENOENT without its directory
   */
  public static SparseFile create(Path path, long sizeBytes) throws SyscallException {
    OwnedFd fd =
        open(path, MemoryCalls.O_RDWR | MemoryCalls.O_CREAT | MemoryCalls.O_EXCL, "create");
    if (MemoryCalls.ftruncate(fd.raw(), sizeBytes) < 0) {
      int errno = Native.getLastError();
      fd.close();
      throw new SyscallException("ftruncate(" + path + ", len=" + sizeBytes + ")", errno);
    }
    return new SparseFile(fd, sizeBytes);
  }

  /**
   * Opens a file to read it. A pipe in its place is empty: nobody is waited for to write to it.
   *
   * @throws SyscallException ENOENT if there is none, EACCES without the right to
   */
  public static SparseFile open(Path path) throws SyscallException {
    OwnedFd fd = open(path, MemoryCalls.O_RDONLY | MemoryCalls.O_NONBLOCK, "open");
    try {
      return new SparseFile(fd, Memfd.sizeOf(fd));
    } catch (SyscallException e) {
      fd.close();
      throw e;
    }
  }

  static OwnedFd open(Path path, int flags, String what) throws SyscallException {
    int raw =
        MemoryCalls.openat(
            MemoryCalls.AT_FDCWD,
            path.toString(),
            flags | MemoryCalls.O_CLOEXEC,
            MemoryCalls.OWNER_READ_WRITE);
    if (raw < 0) {
      throw new SyscallException(what + "(" + path + ")", Native.getLastError());
    }
    return new OwnedFd(raw);
  }

  OwnedFd fd() {
    return fd;
  }

  /** The size in bytes when it was opened, holes included. */
  public long sizeBytes() {
    return sizeBytes;
  }

  /**
   * Whether the file is as long as it was when it was opened: behind the end of one that somebody
   * has cut short there seem to be holes.
   *
   * @throws SyscallException if it cannot be examined
   */
  public boolean isWhole() throws SyscallException {
    return Memfd.sizeOf(fd) >= sizeBytes;
  }

  /**
   * Fills a buffer. Holes read as zeros and stay holes.
   *
   * @param destination a direct buffer; it is filled to its limit
   * @throws SyscallException if the kernel refuses; EIO if the file has become shorter
   */
  public void readAt(long offset, ByteBuffer destination) throws SyscallException {
    long end = destination.limit();
    checkRange(offset, destination.remaining());
    long at = offset;
    while (destination.hasRemaining()) {
      long count =
          MemoryCalls.pread(
              fd.raw(), DirectBuffers.address(destination), end - destination.position(), at);
      if (count < 0) {
        int errno = Native.getLastError();
        if (errno != Errno.EINTR) {
          throw new SyscallException(describe("pread", at, destination.remaining()), errno);
        }
      } else if (count == 0) {
        throw new SyscallException(describe("pread", at, destination.remaining()), Errno.EIO);
      } else {
        destination.position(destination.position() + (int) count);
        at += count;
      }
    }
  }

  /** Has the kernel read bytes into the page cache, without waiting for them; a hint. */
  public void prefetch(long offset, long lengthBytes) {
    checkRange(offset, lengthBytes);
    int unused =
        MemoryCalls.posix_fadvise(fd.raw(), offset, lengthBytes, MemoryCalls.POSIX_FADV_WILLNEED);
  }

  /**
   * Writes a buffer.
   *
   * @param source a direct buffer; its position moves to its limit
   * @throws SyscallException ENOSPC if there is too little room
   */
  public void writeAt(long offset, ByteBuffer source) throws SyscallException {
    int length = source.remaining();
    try {
      writeAt(offset, DirectBuffers.address(source), length);
    } finally {
      Reference.reachabilityFence(source);
    }
    source.position(source.limit());
  }

  void writeAt(long offset, long sourceAddress, long lengthBytes) throws SyscallException {
    checkRange(offset, lengthBytes);
    long done = 0;
    while (done < lengthBytes) {
      long count =
          MemoryCalls.pwrite(fd.raw(), sourceAddress + done, lengthBytes - done, offset + done);
      if (count < 0) {
        int errno = Native.getLastError();
        if (errno != Errno.EINTR) {
          throw new SyscallException(describe("pwrite", offset, lengthBytes), errno);
        }
      } else {
        done += count;
      }
    }
  }

  /**
   * The first offset at or behind {@code offset} that holds data, or -1 if only holes follow.
   *
   * @throws SyscallException if the kernel refuses
   */
  public long nextData(long offset) throws SyscallException {
    return seek(offset, MemoryCalls.SEEK_DATA, "SEEK_DATA");
  }

  /**
   * The first offset at or behind {@code offset} that is a hole, the file's end included, or -1 if
   * {@code offset} is the end or behind it.
   *
   * @throws SyscallException if the kernel refuses
   */
  public long nextHole(long offset) throws SyscallException {
    return seek(offset, MemoryCalls.SEEK_HOLE, "SEEK_HOLE");
  }

  private long seek(long offset, int whence, String name) throws SyscallException {
    long found = MemoryCalls.lseek(fd.raw(), offset, whence);
    if (found < 0) {
      int errno = Native.getLastError();
      if (errno == Errno.ENXIO) {
        return -1;
      }
      throw new SyscallException("lseek(" + fd + ", " + offset + ", " + name + ")", errno);
    }
    return found;
  }

  /**
   * The bytes that are allocated, holes excluded (st_blocks).
   *
   * @throws SyscallException if it cannot be examined
   */
  public long allocatedBytes() throws SyscallException {
    return Memfd.allocatedBytesOf(fd);
  }

  /**
   * Waits until everything written is on stable storage.
   *
   * @throws SyscallException EIO or ENOSPC if something written before could not be kept
   */
  public void sync() throws SyscallException {
    while (MemoryCalls.fsync(fd.raw()) < 0) {
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        throw new SyscallException("fsync(" + fd + ")", errno);
      }
    }
  }

  /** Closes the descriptor. */
  @Override
  public void close() {
    fd.close();
  }

  void checkRange(long offset, long lengthBytes) {
    Objects.checkFromIndexSize(offset, lengthBytes, sizeBytes);
  }

  String describe(String call, long offset, long lengthBytes) {
    return call + "(" + fd + ", offset=" + offset + ", len=" + lengthBytes + ")";
  }
}
