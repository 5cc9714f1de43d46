package io.vmferry.kvm.socket;

import com.sun.jna.Native;

/** The libc calls of this package, and the layouts they take. */
final class SocketCalls {
  // Source: include/linux/socket.h, include/linux/net.h, asm-generic/socket.h.
  static final int AF_UNIX = 1;
  static final int SOCK_STREAM = 1;
  static final int SOCK_NONBLOCK = 0x800;
  static final int SOCK_CLOEXEC = 0x80000;
  static final int SOL_SOCKET = 1;
  static final int SO_RCVTIMEO = 20;
  static final int SCM_RIGHTS = 1;
  static final int MSG_CTRUNC = 8;
  static final int MSG_NOSIGNAL = 0x4000;
  static final int MSG_CMSG_CLOEXEC = 0x40000000;
  static final int SHUT_WR = 1;
  static final int SHUT_RDWR = 2;

  // Source: include/uapi/linux/un.h: sa_family_t, then a path of 108 bytes with its end mark.
  static final int SOCKADDR_UN_PATH = 2;
  static final int MAX_PATH_BYTES = 107;

  // Source: include/linux/socket.h, struct user_msghdr on a 64-bit machine.
  static final int MSGHDR_BYTES = 56;
  static final int MSGHDR_IOV = 16;
  static final int MSGHDR_IOVLEN = 24;
  static final int MSGHDR_CONTROL = 32;
  static final int MSGHDR_CONTROLLEN = 40;
  static final int MSGHDR_FLAGS = 48;
  // Source: include/uapi/linux/uio.h, struct iovec.
  static final int IOVEC_BYTES = 16;
  // Source: include/linux/socket.h, struct cmsghdr: length with header, level, type, then data.
  static final int CMSG_LEVEL = 8;
  static final int CMSG_TYPE = 12;
  static final int CMSG_DATA = 16;

  static {
    Native.register(SocketCalls.class, "c");
  }

  private SocketCalls() {}

  static native int socket(int domain, int type, int protocol);

  static native int bind(int fd, long address, int addressBytes);

  static native int listen(int fd, int backlog);

  static native int accept4(int fd, long address, long addressBytes, int flags);

  static native int connect(int fd, long address, int addressBytes);

  static native int shutdown(int fd, int how);

  static native int setsockopt(int fd, int level, int option, long value, int valueBytes);

  static native int fchmod(int fd, int mode);

  static native long send(int fd, long buffer, long count, int flags);

  static native long recv(int fd, long buffer, long count, int flags);

  static native long sendmsg(int fd, long message, int flags);

  static native long recvmsg(int fd, long message, int flags);
}
