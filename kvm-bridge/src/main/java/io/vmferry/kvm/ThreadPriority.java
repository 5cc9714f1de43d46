package io.vmferry.kvm;

import com.sun.jna.Native;

/**
 * The scheduling priority of single threads. A raised thread runs at once when it wakes, also on a
 * host whose cores are all busy; so only threads that mostly wait, and that somebody waits for, are
 * raised (decision 10 of docs/decisions has what it is worth).
 *
 * @see <a href="https://man7.org/linux/man-pages/man7/sched.7.html">sched(7)</a>
 */
public final class ThreadPriority {
  // Source: include/uapi/linux/sched.h. What such a thread starts is not raised.
  static final int SCHED_RR = 2;
  private static final int SCHED_RESET_ON_FORK = 0x4000_0000;
  // The lowest of the real-time priorities: before every ordinary thread, behind the host's own.
  private static final int REALTIME_PRIORITY = 1;

  /** The nice value of a thread that may be raised only among ordinary ones. */
  static final int RAISED_NICE = -10;

  // Source: include/uapi/linux/resource.h. On Linux "process 0" is the calling thread.
  private static final int PRIO_PROCESS = 0;
  private static final int CALLING_THREAD = 0;

  static {
    Native.register(ThreadPriority.class, "c");
  }

  private ThreadPriority() {}

  /**
   * Raises the calling thread until it ends: not for threads of a pool. It gets a real-time policy
   * (SCHED_RR), or if the process may not (CAP_SYS_NICE, RLIMIT_RTPRIO, a cgroup without real time)
   * a nice value of -10.
   *
   * @return false if neither is allowed (RLIMIT_NICE); the thread is as before then
   */
  public static boolean raise() {
    int[] parameters = {REALTIME_PRIORITY};
    return sched_setscheduler(CALLING_THREAD, SCHED_RR | SCHED_RESET_ON_FORK, parameters) == 0
        || setpriority(PRIO_PROCESS, CALLING_THREAD, RAISED_NICE) == 0;
  }

  /** The nice value of the calling thread. */
  static int nice() {
    return getpriority(PRIO_PROCESS, CALLING_THREAD);
  }

  /** The policy of the calling thread. */
  static int policy() {
    return sched_getscheduler(CALLING_THREAD) & ~SCHED_RESET_ON_FORK;
  }

  // struct sched_param is one int.
  private static native int sched_setscheduler(int process, int policy, int[] parameters);

  private static native int sched_getscheduler(int process);

  private static native int setpriority(int which, int who, int priority);

  private static native int getpriority(int which, int who);
}
