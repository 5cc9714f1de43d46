package io.vmferry.kvm.event;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;

/**
 * A counter in the kernel that wakes who waits for its descriptor. Non-blocking, close-on-exec.
 *
 * <p>Thread-safe, but for {@link #close}, which must not race other calls.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/eventfd.2.html">eventfd(2)</a>
 */
public final class EventFd implements AutoCloseable {
  private final OwnedFd fd;
  // One buffer each way, so that no call makes one; the one for signals never changes.
  private final ByteBuffer one = DirectBuffers.allocate(Long.BYTES).putLong(0, 1);
  private final ByteBuffer value = DirectBuffers.allocate(Long.BYTES);
  private final long oneAddress = DirectBuffers.address(one);
  private final long valueAddress = DirectBuffers.address(value);

  private EventFd(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Creates a counter at zero.
   *
   * @throws SyscallException EMFILE without free descriptors
   */
  public static EventFd create() throws SyscallException {
    int raw = EventCalls.eventfd(0, EventCalls.CLOEXEC | EventCalls.EFD_NONBLOCK);
    if (raw < 0) {
      throw new SyscallException("eventfd(0)", Native.getLastError());
    }
    return new EventFd(new OwnedFd(raw));
  }

  /**
   * Takes over a counter made elsewhere, which must be non-blocking.
   *
   * @param fd an eventfd
   */
  public static EventFd adopt(OwnedFd fd) {
    return new EventFd(fd);
  }

  /** Adds one, which makes the descriptor readable. */
  public void signal() throws SyscallException {
    try {
      while (EventCalls.write(fd.raw(), oneAddress, Long.BYTES) < 0) {
        int errno = Native.getLastError();
        if (errno == Errno.EAGAIN) {
          return; // The counter is at its end and readable, which is all a signal asks for.
        }
        if (errno != Errno.EINTR) {
          throw new SyscallException("write(eventfd, " + fd + ")", errno);
        }
      }
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Sets the counter back to zero.
   *
   * @return the number of signals since the last time, 0 if there was none
   */
  public synchronized long drain() throws SyscallException {
    while (EventCalls.read(fd.raw(), valueAddress, Long.BYTES) < 0) {
      int errno = Native.getLastError();
      if (errno == Errno.EAGAIN) {
        return 0;
      }
      if (errno != Errno.EINTR) {
        throw new SyscallException("read(eventfd, " + fd + ")", errno);
      }
    }
    return value.getLong(0);
  }

  /** The descriptor, still owned here: readable while the counter is not zero. */
  public OwnedFd fd() {
    return fd;
  }

  @Override
  public void close() {
    fd.close();
  }
}
