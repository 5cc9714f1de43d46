package io.vmferry.kvm.sandbox;

import com.sun.jna.Native;

/** The calls of {@link Landlock}; glibc has no wrappers. */
final class LandlockCalls {
  // Source: include/uapi/asm-generic/fcntl.h: O_PATH and O_CLOEXEC.
  static final int O_PATH_CLOEXEC = 010_000_000 | 02_000_000;
  // Source: include/uapi/asm-generic/unistd.h; the same on every architecture.
  private static final long NR_CREATE_RULESET = 444;
  private static final long NR_ADD_RULE = 445;
  private static final long NR_RESTRICT_SELF = 446;

  static {
    Native.register(LandlockCalls.class, "c");
  }

  private LandlockCalls() {}

  static int createRuleset(long attributes, long lengthBytes, int flags) {
    return (int) syscall(NR_CREATE_RULESET, attributes, lengthBytes, flags, 0);
  }

  static int addRule(int ruleset, int type, long rule) {
    return (int) syscall(NR_ADD_RULE, ruleset, type, rule, 0);
  }

  static int restrictSelf(int ruleset) {
    return (int) syscall(NR_RESTRICT_SELF, ruleset, 0, 0, 0);
  }

  // Variadic in C: int open(const char *path, int flags, ...); nothing follows here.
  static native int open(String path, int flags);

  // Variadic in C: long syscall(long number, ...).
  private static native long syscall(long number, long one, long two, long three, long four);
}
