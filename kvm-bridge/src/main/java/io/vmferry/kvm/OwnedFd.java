package io.vmferry.kvm;

import com.sun.jna.Native;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A file descriptor with one owner. Closing twice is harmless; {@link #release} hands it on.
 *
 * <p>Thread-safe: close, release and raw may race, and the descriptor is closed at most once.
 */
public final class OwnedFd implements AutoCloseable {
  private static final int NONE = -1;
  // Source: include/uapi/linux/fcntl.h, F_LINUX_SPECIFIC_BASE + 6.
  private static final int F_DUPFD_CLOEXEC = 1030;

  private final AtomicInteger fd;

  /**
   * Takes ownership.
   *
   * @param fd an open descriptor number
   */
  public OwnedFd(int fd) {
    if (fd < 0) {
      throw new IllegalArgumentException("descriptor number " + fd + " is negative");
    }
    this.fd = new AtomicInteger(fd);
  }

  /**
   * The descriptor number, for a call that follows at once.
   *
   * @throws IllegalStateException if it was closed or released
   */
  public int raw() {
    int current = fd.get();
    if (current == NONE) {
      throw new IllegalStateException("descriptor is closed");
    }
    return current;
  }

  /** Whether it is still owned here. */
  public boolean isOpen() {
    return fd.get() != NONE;
  }

  /**
   * Gives the descriptor up without closing it: the caller owns the number now.
   *
   * @throws IllegalStateException if it was closed or released
   */
  public int release() {
    int current = fd.getAndSet(NONE);
    if (current == NONE) {
      throw new IllegalStateException("descriptor is closed");
    }
    return current;
  }

  /**
   * A second descriptor of the same open file, close-on-exec.
   *
   * @throws SyscallException EMFILE if the process has no descriptor left
   */
  public OwnedFd duplicate() throws SyscallException {
    int copy = Descriptors.fcntl(raw(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
      throw new SyscallException("fcntl(F_DUPFD_CLOEXEC, fd=" + raw() + ")", Native.getLastError());
    }
    return new OwnedFd(copy);
  }

  @Override
  public void close() {
    int current = fd.getAndSet(NONE);
    if (current != NONE) {
      // Linux releases the number even when close reports an error; there is nothing to retry.
      Descriptors.close(current);
    }
  }

  @Override
  public String toString() {
    return "fd=" + fd.get();
  }
}
