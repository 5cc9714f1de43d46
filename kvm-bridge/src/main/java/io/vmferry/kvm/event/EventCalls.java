package io.vmferry.kvm.event;

import com.sun.jna.Native;

/** The libc calls of this package. */
final class EventCalls {
  // Source: include/uapi/linux/eventfd.h, eventpoll.h and asm-generic/fcntl.h.
  static final int CLOEXEC = 0x80000;
  static final int EFD_NONBLOCK = 0x800;
  static final int EPOLL_CTL_ADD = 1;
  static final int EPOLL_CTL_DEL = 2;
  static final int EPOLL_CTL_MOD = 3;

  static {
    Native.register(EventCalls.class, "c");
  }

  private EventCalls() {}

  static native int eventfd(int initial, int flags);

  static native long read(int fd, long buffer, long count);

  static native long write(int fd, long buffer, long count);

  static native int epoll_create1(int flags);

  static native int epoll_ctl(int epoll, int operation, int fd, long event);

  static native int epoll_wait(int epoll, long events, int maxEvents, int timeoutMillis);
}
