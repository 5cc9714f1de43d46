package io.vmferry.kvm.sandbox;

import io.vmferry.kvm.Errno;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What becomes of a system call that is not on a fenced thread's list. */
public enum SeccompMode {
  /** Nothing: the thread is not fenced in. */
  OFF(0),
  /** The kernel's log tells of it, and it is made. Source: SECCOMP_RET_LOG. */
  LOG(0x7ffc_0000),
  /** It fails with EPERM, and the kernel's log tells of it. Source: SECCOMP_RET_ERRNO. */
  ERRNO(0x0005_0000 | Errno.EPERM),
  /**
   * The whole process ends with SIGSYS. A single thread must not: HotSpot would wait for it at the
   * next safepoint for ever. Source: SECCOMP_RET_KILL_PROCESS.
   */
  KILL(0x8000_0000);

  private final int action;

  SeccompMode(int action) {
    this.action = action;
  }

  /** The filter's return value. Source: include/uapi/linux/seccomp.h. */
  int action() {
    return action;
  }

  /**
   * The mode of a setting or an option.
   *
   * @throws IllegalArgumentException with one sentence for the user if there is none of that name
   */
  public static SeccompMode parse(String text) {
    for (SeccompMode mode : values()) {
      if (mode.toString().equals(text)) {
        return mode;
      }
    }
    throw new IllegalArgumentException(
        "Seccomp mode '"
            + text
            + "' is none of "
            + Arrays.stream(values()).map(SeccompMode::toString).collect(Collectors.joining(", "))
            + ".");
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
