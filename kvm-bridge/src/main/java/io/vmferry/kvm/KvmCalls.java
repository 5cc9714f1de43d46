package io.vmferry.kvm;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/** The libc calls under the KVM descriptors. Each returns what C returns; errno is JNA's. */
final class KvmCalls {
  // Source: include/uapi/asm-generic/mman-common.h and mman.h.
  static final int PROT_READ = 1;
  static final int PROT_WRITE = 2;
  static final int MAP_SHARED = 1;
  static final long MAP_FAILED = -1;

  // Source: include/uapi/asm-generic/fcntl.h.
  static final int O_RDWR = 2;
  static final int O_CLOEXEC = 0x80000;

  static {
    Native.register(KvmCalls.class, "c");
  }

  private KvmCalls() {}

  // Variadic in C: int ioctl(int fd, unsigned long request, ...); x86-64 only, so long is right.
  static native int ioctl(int fd, long request, long argument);

  // Variadic in C, as above, for requests that take a pointer.
  static native int ioctl(int fd, long request, Pointer argument);

  // Variadic in C: int open(const char *path, int flags, ...); no O_CREAT, so no mode.
  static native int open(String path, int flags);

  static native long mmap(
      long address, long lengthBytes, int protection, int flags, int fd, long offset);

  static native int munmap(long address, long lengthBytes);

  static native int getpid();

  static native int gettid();

  static native int tgkill(int processId, int threadId, int signal);

  static native int sigaction(int signal, long action, long oldAction);
}
