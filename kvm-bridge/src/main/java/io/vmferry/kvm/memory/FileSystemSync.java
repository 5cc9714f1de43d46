package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.nio.file.Path;

/**
 * Makes everything durable that was written to one file system: for many small files far cheaper
 * than an fsync of each. Opened before they are written, so that a write that fails later on its
 * way to the disk is heard of.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/sync.2.html">syncfs(2)</a>: it reports errors
 *     since the descriptor was opened, from Linux 5.8 on
 */
public final class FileSystemSync implements AutoCloseable {
  private final OwnedFd fd;

  private FileSystemSync(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Opens the file system that a directory is on.
   *
   * @throws SyscallException ENOENT if there is no such directory
   */
  public static FileSystemSync of(Path directory) throws SyscallException {
    return new FileSystemSync(SparseFile.open(directory, MemoryCalls.O_RDONLY, "open"));
  }

  /**
   * Waits until everything written to the file system, names included, is on stable storage.
   *
   * @throws SyscallException EIO or ENOSPC if something written since this was opened could not be
   *     kept
   */
  public void sync() throws SyscallException {
    while (MemoryCalls.syncfs(fd.raw()) < 0) {
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        throw new SyscallException("syncfs(" + fd + ")", errno);
      }
    }
  }

  /** Closes the descriptor. */
  @Override
  public void close() {
    fd.close();
  }
}
