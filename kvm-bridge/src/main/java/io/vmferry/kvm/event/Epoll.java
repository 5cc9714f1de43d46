package io.vmferry.kvm.event;

import com.sun.jna.Native;
import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * Waits for several descriptors at once. Close-on-exec.
 *
 * <p>Descriptors may be added and removed while another thread waits. To wake a waiter for another
 * reason, add an {@link EventFd}. Close it after the last wait has returned.
 *
 * @see <a href="https://man7.org/linux/man-pages/man7/epoll.7.html">epoll(7)</a>
 */
public final class Epoll implements AutoCloseable {
  /** The descriptor can be read. Source: include/uapi/linux/eventpoll.h. */
  public static final int IN = 1;

  /** The descriptor can be written. */
  public static final int OUT = 4;

  /** Error; reported without being asked for. */
  public static final int ERROR = 8;

  /** Hang-up; reported without being asked for. */
  public static final int HANG_UP = 0x10;

  /** Edge-triggered. */
  public static final int EDGE = 1 << 31;

  // Source: include/uapi/linux/eventpoll.h, struct epoll_event: u32 events, u64 data; packed on
  // x86-64 (12 bytes), naturally aligned elsewhere (16).
  static final int EVENT_BYTES = System.getProperty("os.arch").equals("amd64") ? 12 : 16;
  private static final int EVENT_DATA = EVENT_BYTES - Long.BYTES;

  private final OwnedFd fd;

  private Epoll(OwnedFd fd) {
    this.fd = fd;
  }

  /**
   * Creates one that waits for nothing yet.
   *
   * @throws SyscallException EMFILE without free descriptors
   */
  public static Epoll create() throws SyscallException {
    int raw = EventCalls.epoll_create1(EventCalls.CLOEXEC);
    if (raw < 0) {
      throw new SyscallException("epoll_create1()", Native.getLastError());
    }
    return new Epoll(new OwnedFd(raw));
  }

  /**
   * Starts waiting for a descriptor.
   *
   * @param target must be removed before it is closed, if duplicates of it live on
   * @param events {@link #IN}, {@link #OUT}, {@link #EDGE}
   * @param data comes back with each of its events
   * @throws SyscallException EEXIST if it was added before; EPERM if it cannot be waited for
   */
  public void add(OwnedFd target, int events, long data) throws SyscallException {
    control(EventCalls.EPOLL_CTL_ADD, "EPOLL_CTL_ADD", target, events, data);
  }

  /**
   * Changes what is waited for.
   *
   * @throws SyscallException ENOENT if it was not added
   */
  public void modify(OwnedFd target, int events, long data) throws SyscallException {
    control(EventCalls.EPOLL_CTL_MOD, "EPOLL_CTL_MOD", target, events, data);
  }

  /**
   * Stops waiting for a descriptor.
   *
   * @throws SyscallException ENOENT if it was not added
   */
  public void remove(OwnedFd target) throws SyscallException {
    control(EventCalls.EPOLL_CTL_DEL, "EPOLL_CTL_DEL", target, 0, 0);
  }

  /**
   * Waits until a descriptor is ready.
   *
   * @param into receives the events; one thread's own
   * @param timeoutMillis 0 to look without waiting, -1 to wait without limit
   * @return the number of events, 0 after the timeout
   */
  public int await(Events into, int timeoutMillis) throws SyscallException {
    long start = System.nanoTime();
    int left = timeoutMillis;
    try {
      while (true) {
        int count = EventCalls.epoll_wait(fd.raw(), into.address, into.capacity, left);
        if (count >= 0) {
          into.size = count;
          return count;
        }
        int errno = Native.getLastError();
        if (errno != Errno.EINTR) {
          into.size = 0;
          throw new SyscallException("epoll_wait(" + fd + ")", errno);
        }
        if (timeoutMillis > 0) {
          long passed = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
          left = (int) Math.max(0, timeoutMillis - passed);
        }
      }
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  @Override
  public void close() {
    fd.close();
  }

  private void control(int operation, String name, OwnedFd target, int events, long data)
      throws SyscallException {
    ByteBuffer event = DirectBuffers.allocate(EVENT_BYTES);
    event.putInt(0, events).putLong(EVENT_DATA, data);
    try {
      if (EventCalls.epoll_ctl(fd.raw(), operation, target.raw(), DirectBuffers.address(event))
          < 0) {
        throw new SyscallException(
            "epoll_ctl(" + name + ", " + fd + ", " + target + ")", Native.getLastError());
      }
    } finally {
      Reference.reachabilityFence(event);
    }
  }

  /** Room for the events of one wait, reused by the next. Belongs to one thread. */
  public static final class Events {
    private final int capacity;
    private final ByteBuffer bytes;
    private final long address;
    private int size;

    /**
     * @param capacity how many events one wait can report; the rest come with the next
     */
    public Events(int capacity) {
      this.capacity = capacity;
      this.bytes = DirectBuffers.allocate(capacity * EVENT_BYTES);
      this.address = DirectBuffers.address(bytes);
    }

    /** The number of events of the last wait. */
    public int size() {
      return size;
    }

    /** What happened: {@link Epoll#IN} and the like. */
    public int events(int i) {
      return bytes.getInt(Objects.checkIndex(i, size) * EVENT_BYTES);
    }

    /** The value given when the descriptor was added. */
    public long data(int i) {
      return bytes.getLong(Objects.checkIndex(i, size) * EVENT_BYTES + EVENT_DATA);
    }
  }
}
