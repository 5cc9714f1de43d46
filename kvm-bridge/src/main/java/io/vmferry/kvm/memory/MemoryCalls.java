package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import org.jspecify.annotations.Nullable;

/**
 * The libc calls of this package. Addresses are plain longs: a call makes no object.
 *
 * <p>A thread inside one of these counts as native to the JVM: it may wait for a page fault there
 * without holding up a safepoint.
 */
final class MemoryCalls {
  // Source: include/uapi/linux/memfd.h.
  static final int MFD_CLOEXEC = 1;
  static final int MFD_HUGETLB = 4;
  static final int MFD_HUGE_SHIFT = 26;
  // Source: include/uapi/asm-generic/mman-common.h and mman.h.
  static final int PROT_READ_WRITE = 3;
  static final int MAP_SHARED = 1;
  static final int MAP_PRIVATE = 2;
  static final int MAP_ANONYMOUS = 0x20;
  static final int MAP_HUGETLB = 0x40000;
  static final int MAP_HUGE_SHIFT = 26;
  static final long MAP_FAILED = -1;
  static final int MADV_DONTNEED = 4;
  static final int MADV_REMOVE = 9;
  static final int MADV_HUGEPAGE = 14;
  static final int MADV_POPULATE_WRITE = 23;
  // Source: include/uapi/linux/falloc.h.
  static final int FALLOC_FL_KEEP_SIZE = 1;
  static final int FALLOC_FL_PUNCH_HOLE = 2;
  // Source: include/uapi/linux/fs.h.
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;
  // Source: include/uapi/linux/fadvise.h.
  static final int POSIX_FADV_WILLNEED = 3;
  // Source: include/uapi/linux/fcntl.h and stat.h.
  static final int AT_FDCWD = -100;
  static final int RENAME_EXCHANGE = 2;
  static final int AT_EMPTY_PATH = 0x1000;
  static final int STATX_BASIC_STATS = 0x7ff;
  static final int STATX_BYTES = 256;
  static final int STATX_SIZE = 40;
  static final int STATX_BLOCKS = 48;
  // Source: arch/x86/include/uapi/asm/statfs.h by way of asm-generic/statfs.h: f_type, f_bsize.
  static final int STATFS_BYTES = 120;
  static final int STATFS_TYPE = 0;
  static final int STATFS_BSIZE = 8;
  // Source: include/uapi/linux/magic.h.
  static final long HUGETLBFS_MAGIC = 0x958458f6L;
  // Source: include/uapi/asm-generic/fcntl.h; O_TMPFILE includes O_DIRECTORY, which x86-64 leaves
  // as it is there.
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_CREAT = 0100;
  static final int O_EXCL = 0200;
  static final int O_NONBLOCK = 04000;
  static final int O_CLOEXEC = 0x80000;
  static final int O_TMPFILE = 0x410000;
  static final int OWNER_READ_WRITE = 0600;
  static final int LOCK_SH = 1;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;
  // Source: include/uapi/linux/mount.h.
  static final int FSOPEN_CLOEXEC = 1;
  static final int FSMOUNT_CLOEXEC = 1;
  static final int FSCONFIG_SET_STRING = 1;
  static final int FSCONFIG_CMD_CREATE = 6;
  // Source: include/uapi/asm-generic/unistd.h; the same on every architecture. glibc has wrappers
  // from 2.36 on only.
  private static final long NR_FSOPEN = 430;
  private static final long NR_FSCONFIG = 431;
  private static final long NR_FSMOUNT = 432;

  static {
    Native.register(MemoryCalls.class, "c");
  }

  private MemoryCalls() {}

  static native int memfd_create(String name, int flags);

  static native int ftruncate(int fd, long lengthBytes);

  static native long mmap(
      long address, long lengthBytes, int protection, int flags, int fd, long offset);

  static native int munmap(long address, long lengthBytes);

  static native int madvise(long address, long lengthBytes, int advice);

  static native int fallocate(int fd, int mode, long offset, long lengthBytes);

  static native long lseek(int fd, long offset, int whence);

  static native long pread(int fd, long buffer, long count, long offset);

  /** The error is what it returns, not errno. */
  static native int posix_fadvise(int fd, long offset, long lengthBytes, int advice);

  static native long pwrite(int fd, long buffer, long count, long offset);

  static native long memcpy(long destination, long source, long lengthBytes);

  static native long memset(long destination, int value, long lengthBytes);

  static native int fsync(int fd);

  static native int syncfs(int fd);

  static native int flock(int fd, int operation);

  static native int renameat2(
      int fromDirectory, String from, int toDirectory, String to, int flags);

  static native int statx(int directory, String path, int flags, int mask, long buffer);

  static native int fstatfs(int fd, long buffer);

  // Variadic in C: int openat(int directory, const char *path, int flags, ...); the mode follows
  // with O_TMPFILE.
  static native int openat(int directory, String path, int flags, int mode);

  static int fsopen(String fileSystem, int flags) {
    return (int) syscall(NR_FSOPEN, fileSystem, flags);
  }

  static int fsconfig(
      int context, int command, @Nullable String key, @Nullable String value, int extra) {
    return (int) syscall(NR_FSCONFIG, context, command, key, value, extra);
  }

  static int fsmount(int context, int flags, int attributes) {
    return (int) syscall(NR_FSMOUNT, context, flags, attributes);
  }

  // Variadic in C: long syscall(long number, ...); one prototype for each call above.
  private static native long syscall(long number, String text, long flags);

  private static native long syscall(
      long number, long fd, long command, @Nullable String key, @Nullable String value, long extra);

  private static native long syscall(long number, long fd, long flags, long attributes);
}
