package io.vmferry.kvm.sandbox;

import com.sun.jna.Native;
import io.vmferry.kvm.SyscallException;

/** The libc calls of this package. */
final class SandboxCalls {
  // Source: include/uapi/linux/prctl.h.
  static final int PR_SET_NO_NEW_PRIVS = 38;
  // Source: include/uapi/linux/seccomp.h.
  static final int SECCOMP_SET_MODE_FILTER = 1;
  static final int SECCOMP_GET_ACTION_AVAIL = 2;
  static final int SECCOMP_FILTER_FLAG_LOG = 2;

  static {
    Native.register(SandboxCalls.class, "c");
  }

  private SandboxCalls() {}

  /**
   * Gives up for good what a program that is started could gain, as setuid programs do: only root
   * could restrict itself without.
   *
   * @throws SyscallException if the kernel refuses
   */
  static void giveUpNewPrivileges() throws SyscallException {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
      throw new SyscallException("prctl(PR_SET_NO_NEW_PRIVS)", Native.getLastError());
    }
  }

  static int seccomp(int operation, int flags, long arguments) {
    return (int) syscall(SystemCalls.SECCOMP, operation, flags, arguments);
  }

  // Variadic in C: int prctl(int option, ...); every option here takes four longs or ignores them.
  static native int prctl(int option, long second, long third, long fourth, long fifth);

  static native int getpid();

  // Variadic in C: long syscall(long number, ...).
  private static native long syscall(long number, long operation, long flags, long arguments);
}
