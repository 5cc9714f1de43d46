package io.vmferry.kvm;

import com.sun.jna.Native;

/** libc calls on any descriptor. */
final class Descriptors {
  static {
    Native.register(Descriptors.class, "c");
  }

  private Descriptors() {}

  static native int close(int fd);

  // Variadic in C: int fcntl(int fd, int cmd, ...); this prototype is for commands with an int.
  static native int fcntl(int fd, int command, int argument);
}
