package io.vmferry.kvm.sandbox;

/**
 * What the threads of each role may call. Learned from runs under load, on JDK 17 and 25, and from
 * what HotSpot, glibc and the JDK's channels are written to call on rare occasions.
 *
 * <p>None may start a thread or a process (a thread would have the fence of the one that started
 * it, and other work), make or connect a socket, open a file to write, or change what is mounted,
 * owned or permitted. How a thread passes what must be done elsewhere on is its caller's business.
 */
final class AllowList {
  // Source: include/uapi/asm-generic/fcntl.h: O_WRONLY and O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE.
  private static final int WRITING = 3 | 0100 | 01000 | 020_000_000;
  // Source: the same: F_GETFD, F_SETFD, F_GETFL, F_SETFL; linux/fcntl.h: F_DUPFD_CLOEXEC.
  private static final int[] DESCRIPTOR_FLAGS = {1, 2, 3, 4, 1030};
  // Source: include/uapi/linux/prctl.h: PR_SET_NAME, PR_GET_NAME, PR_SET_VMA (names of mappings).
  private static final int[] NAMES = {15, 16, 0x5356_4d41};
  // Source: include/uapi/asm-generic/ioctls.h: TCGETS (is it a terminal?), FIONREAD.
  private static final int[] ASKING = {0x5401, 0x541b};
  // Source: include/uapi/linux/userfaultfd.h: UFFDIO_WAKE, COPY, ZEROPAGE, CONTINUE.
  private static final int[] PAGES = {0x8010_aa02, 0xc028_aa03, 0xc020_aa04, 0xc020_aa07};
  // Source: include/uapi/linux/resource.h. Both: of the calling thread.
  private static final int PRIO_PROCESS = 0;
  private static final int CALLING_THREAD = 0;

  private AllowList() {}

  /** The list of a role in a mode. */
  static SeccompFilter of(SandboxRole role, SeccompMode mode) {
    SeccompFilter filter = new SeccompFilter(mode.action());
    transfer(filter);
    runtime(filter);
    reading(filter);
    filter.allow(SystemCalls.FALLOCATE);
    return switch (role) {
      case SERVES_PAGES ->
          filter.allow(SystemCalls.FADVISE64).allowIf(SystemCalls.IOCTL, 1, ASKING);
      case BRINGS_PAGES ->
          filter.allow(SystemCalls.EPOLL_CREATE1).allowIf(SystemCalls.IOCTL, 1, withAsking(PAGES));
      case HEARS_PEER -> filter.allowIf(SystemCalls.IOCTL, 1, ASKING);
    };
  }

  /** Bytes between descriptors that are open, and waiting for them. */
  private static void transfer(SeccompFilter filter) {
    filter
        .allow(
            SystemCalls.READ,
            SystemCalls.WRITE,
            SystemCalls.READV,
            SystemCalls.WRITEV,
            SystemCalls.RECVFROM,
            SystemCalls.SENDTO,
            SystemCalls.RECVMSG,
            SystemCalls.SENDMSG,
            SystemCalls.PREAD64,
            SystemCalls.PWRITE64,
            SystemCalls.POLL,
            SystemCalls.PPOLL,
            SystemCalls.EPOLL_WAIT,
            SystemCalls.EPOLL_PWAIT,
            SystemCalls.EPOLL_CTL,
            SystemCalls.EVENTFD2,
            SystemCalls.SHUTDOWN,
            SystemCalls.GETSOCKOPT,
            SystemCalls.SETSOCKOPT,
            SystemCalls.GETSOCKNAME,
            SystemCalls.GETPEERNAME,
            SystemCalls.CLOSE,
            // The JDK puts a dead descriptor in the place of one that somebody may be waiting on.
            SystemCalls.DUP2,
            SystemCalls.DUP3)
        .allowIf(SystemCalls.FCNTL, 1, DESCRIPTOR_FLAGS);
  }

  /** Memory, time, locks, safepoints and the end of the thread. */
  private static void runtime(SeccompFilter filter) {
    filter
        .allow(
            SystemCalls.FUTEX,
            SystemCalls.MMAP,
            SystemCalls.MUNMAP,
            SystemCalls.MPROTECT,
            SystemCalls.MADVISE,
            SystemCalls.MREMAP,
            SystemCalls.MINCORE,
            SystemCalls.BRK,
            SystemCalls.MEMBARRIER,
            SystemCalls.SCHED_YIELD,
            SystemCalls.SCHED_GETAFFINITY,
            SystemCalls.GETCPU,
            SystemCalls.NANOSLEEP,
            SystemCalls.CLOCK_NANOSLEEP,
            SystemCalls.CLOCK_GETTIME,
            SystemCalls.CLOCK_GETRES,
            SystemCalls.GETTIMEOFDAY,
            SystemCalls.TIME,
            SystemCalls.GETRUSAGE,
            SystemCalls.SYSINFO,
            SystemCalls.UNAME,
            SystemCalls.GETPID,
            SystemCalls.GETTID,
            SystemCalls.GETUID,
            SystemCalls.GETGID,
            SystemCalls.GETEUID,
            SystemCalls.GETEGID,
            SystemCalls.GETRANDOM,
            SystemCalls.RT_SIGRETURN,
            SystemCalls.RT_SIGPROCMASK,
            SystemCalls.SIGALTSTACK,
            SystemCalls.RESTART_SYSCALL,
            SystemCalls.SET_ROBUST_LIST,
            SystemCalls.RSEQ,
            SystemCalls.EXIT,
            SystemCalls.EXIT_GROUP)
        .allowIf(SystemCalls.PRCTL, 0, NAMES)
        .allowIf(SystemCalls.SCHED_SETSCHEDULER, 0, CALLING_THREAD)
        .allowIf(SystemCalls.SETPRIORITY, 0, PRIO_PROCESS)
        // Wakes a thread of this process that waits on a descriptor that is being closed.
        .allowIf(SystemCalls.TGKILL, 0, SandboxCalls.getpid());
  }

  /** Files to read: classes are loaded from jars when they are first needed. */
  private static void reading(SeccompFilter filter) {
    filter
        .allowUnless(SystemCalls.OPENAT, 2, WRITING)
        .allowUnless(SystemCalls.OPEN, 1, WRITING)
        .allow(
            SystemCalls.LSEEK,
            SystemCalls.FSTAT,
            SystemCalls.NEWFSTATAT,
            SystemCalls.STAT,
            SystemCalls.LSTAT,
            SystemCalls.STATX,
            SystemCalls.ACCESS,
            SystemCalls.FACCESSAT,
            SystemCalls.FACCESSAT2,
            SystemCalls.READLINK,
            SystemCalls.READLINKAT,
            SystemCalls.GETCWD);
  }

  private static int[] withAsking(int[] more) {
    int[] all = new int[ASKING.length + more.length];
    System.arraycopy(ASKING, 0, all, 0, ASKING.length);
    System.arraycopy(more, 0, all, ASKING.length, more.length);
    return all;
  }
}
