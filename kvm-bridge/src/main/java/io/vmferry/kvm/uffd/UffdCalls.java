package io.vmferry.kvm.uffd;

import com.sun.jna.Native;

/**
 * The libc calls of this package, and the numbers and layouts of userfaultfd.
 *
 * <p>Source: include/uapi/linux/userfaultfd.h unless said otherwise.
 */
final class UffdCalls {
  // _IO(0xAA, 0x00), on /dev/userfaultfd.
  static final long USERFAULTFD_IOC_NEW = 0xaa00L;
  // _IOWR(0xAA, 0x3F, struct uffdio_api), 24 bytes.
  static final long UFFDIO_API = 0xc018_aa3fL;
  // _IOWR(0xAA, 0x00, struct uffdio_register), 32 bytes.
  static final long UFFDIO_REGISTER = 0xc020_aa00L;
  // _IOR(0xAA, 0x01, struct uffdio_range), 16 bytes.
  static final long UFFDIO_UNREGISTER = 0x8010_aa01L;
  // _IOR(0xAA, 0x02, struct uffdio_range), 16 bytes.
  static final long UFFDIO_WAKE = 0x8010_aa02L;
  // _IOWR(0xAA, 0x03, struct uffdio_copy), 40 bytes.
  static final long UFFDIO_COPY = 0xc028_aa03L;
  // _IOWR(0xAA, 0x04, struct uffdio_zeropage), 32 bytes.
  static final long UFFDIO_ZEROPAGE = 0xc020_aa04L;
  // _IOWR(0xAA, 0x06, struct uffdio_writeprotect), 24 bytes.
  static final long UFFDIO_WRITEPROTECT = 0xc018_aa06L;
  // _IOWR(0xAA, 0x07, struct uffdio_continue), 32 bytes.
  static final long UFFDIO_CONTINUE = 0xc020_aa07L;

  static final long UFFD_API = 0xaa;
  static final int API_BYTES = 24;
  static final int API_FEATURES = 8;

  static final int RANGE_BYTES = 16;
  static final int START = 0;
  static final int LENGTH = 8;

  static final int REGISTER_BYTES = 32;
  static final int REGISTER_MODE = 16;
  static final int REGISTER_IOCTLS = 24;

  static final int COPY_BYTES = 40;
  static final int COPY_DST = 0;
  static final int COPY_SRC = 8;
  static final int COPY_LEN = 16;
  static final int COPY_MODE = 24;
  static final int COPY_DONE = 32;

  // uffdio_zeropage and uffdio_continue share one layout: range, mode, bytes done.
  static final int ZEROPAGE_BYTES = 32;
  static final int CONTINUE_BYTES = 32;
  static final int INSTALL_MODE = 16;
  static final int INSTALL_DONE = 24;

  static final int WRITEPROTECT_BYTES = 24;
  static final int WRITEPROTECT_MODE = 16;
  static final long WRITEPROTECT_MODE_WP = 1;

  /** UFFDIO_COPY_MODE_DONTWAKE, and the same bit in ZEROPAGE and CONTINUE. */
  static final long MODE_DONTWAKE = 1;

  // struct uffd_msg, packed: u8 event, 7 bytes reserved, then for a page fault u64 flags,
  // u64 address, u32 thread.
  static final int MESSAGE_BYTES = 32;
  static final int MESSAGE_FLAGS = 8;
  static final int MESSAGE_ADDRESS = 16;
  static final byte EVENT_PAGEFAULT = 0x12;
  static final long FAULT_WRITE = 1;
  static final long FAULT_WRITE_PROTECT = 2;
  static final long FAULT_MINOR = 4;

  // Source: include/uapi/asm-generic/fcntl.h.
  static final int O_RDWR = 2;
  static final int O_NONBLOCK = 0x800;
  static final int O_CLOEXEC = 0x80000;
  // Source: arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h elsewhere.
  static final long NR_USERFAULTFD = System.getProperty("os.arch").equals("amd64") ? 323 : 282;

  static {
    Native.register(UffdCalls.class, "c");
  }

  private UffdCalls() {}

  // Variadic in C: int open(const char *path, int flags, ...); nothing follows without O_CREAT.
  static native int open(String path, int flags);

  // Variadic in C: int ioctl(int fd, unsigned long request, ...); a pointer or a number follows.
  static native int ioctl(int fd, long request, long argument);

  // Variadic in C: long syscall(long number, ...); userfaultfd takes one int.
  static native long syscall(long number, long flags);

  static native long read(int fd, long buffer, long count);
}
