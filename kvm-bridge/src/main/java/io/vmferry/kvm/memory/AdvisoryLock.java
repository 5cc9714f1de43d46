package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A lock on a file that many may share or one may have, between processes and inside one: {@code
 * java.nio}'s locks belong to the whole process and are lost when any of its descriptors of the
 * file closes. It is gone with its process, however that ends.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/flock.2.html">flock(2)</a>
 */
public final class AdvisoryLock implements AutoCloseable {
  private final OwnedFd fd;

  private AdvisoryLock(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Shares the lock; waits while somebody has it alone.
   *
   * @param path a file that is there
   * @throws SyscallException ENOENT if it is not; ENOLCK if the file system has no locks
   */
  public static AdvisoryLock share(Path path) throws SyscallException {
    AdvisoryLock lock = take(path, MemoryCalls.LOCK_SH);
    if (lock == null) {
      throw new IllegalStateException("a lock that waits was refused");
    }
    return lock;
  }

  /**
   * Takes the lock alone.
   *
   * @param path a file that is there
   * @return null if anybody else has it now
   * @throws SyscallException as {@link #share}
   */
  public static @Nullable AdvisoryLock tryAlone(Path path) throws SyscallException {
    return take(path, MemoryCalls.LOCK_EX | MemoryCalls.LOCK_NB);
  }

  private static @Nullable AdvisoryLock take(Path path, int operation) throws SyscallException {
    OwnedFd fd = SparseFile.open(path, MemoryCalls.O_RDONLY, "open");
    while (MemoryCalls.flock(fd.raw(), operation) < 0) {
      int errno = Native.getLastError();
      if (errno == Errno.EINTR) {
        continue;
      }
      fd.close();
      if (errno == Errno.EAGAIN) {
        return null;
      }
      throw new SyscallException("flock(" + path + ", " + operation + ")", errno);
    }
    return new AdvisoryLock(fd);
  }

  /** Gives the lock up. */
  @Override
  public void close() {
    fd.close();
  }
}
