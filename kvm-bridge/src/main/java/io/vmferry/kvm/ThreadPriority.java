package io.vmferry.kvm;

import com.sun.jna.Native;

/**
 * The scheduling priority of single threads. A raised thread runs at once when it wakes, also on a
 * host whose cores are all busy; so only threads that mostly wait, and that somebody waits for, are
 * raised (decision 10 of docs/decisions has what it is worth).
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/setpriority.2.html">setpriority(2)</a>
 */
public final class ThreadPriority {
  /** The nice value of a raised thread. */
  static final int RAISED = -10;

  // Source: include/uapi/linux/resource.h. On Linux "process 0" is the calling thread.
  private static final int PRIO_PROCESS = 0;
  private static final int CALLING_THREAD = 0;

  static {
    Native.register(ThreadPriority.class, "c");
  }

  private ThreadPriority() {}

  /**
   * Raises the calling thread until it ends: not for threads of a pool.
   *
   * @return false if the process may not (CAP_SYS_NICE, RLIMIT_NICE); the thread is as before then
   */
  public static boolean raise() {
    return setpriority(PRIO_PROCESS, CALLING_THREAD, RAISED) == 0;
  }

  /** The nice value of the calling thread. */
  static int nice() {
    return getpriority(PRIO_PROCESS, CALLING_THREAD);
  }

  private static native int setpriority(int which, int who, int priority);

  private static native int getpriority(int which, int who);
}
