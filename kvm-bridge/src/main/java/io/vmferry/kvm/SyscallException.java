package io.vmferry.kvm;

import java.io.IOException;

/**
 * A system call of this module failed.
 *
 * <p>The message names the call, its arguments and the error: {@code ioctl(KVM_RUN, fd=7) failed:
 * EINTR (4)}.
 */
public final class SyscallException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final int errno;

  /**
   * @param call the call with its arguments as they help a reader, such as {@code
   *     ioctl(UFFDIO_COPY, fd=9, dst=0x7f00, len=4096)}
   * @param errno the error number, read right after the call on the same thread
   */
  public SyscallException(String call, int errno) {
    super(call + " failed: " + Errno.name(errno) + " (" + errno + ")");
    this.call = call;
    this.errno = errno;
  }

  /** The call with its arguments. */
  public String call() {
    return call;
  }

  /** The error number, one of the constants of {@link Errno} or another of the kernel's. */
  public int errno() {
    return errno;
  }
}
