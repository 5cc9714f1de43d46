package io.vmferry.kvm.sandbox;

/**
 * Numbers of x86-64's system calls, in their order.
 *
 * <p>Source: arch/x86/entry/syscalls/syscall_64.tbl.
 */
final class SystemCalls {
  static final int READ = 0;
  static final int WRITE = 1;
  static final int OPEN = 2;
  static final int CLOSE = 3;
  static final int STAT = 4;
  static final int FSTAT = 5;
  static final int LSTAT = 6;
  static final int POLL = 7;
  static final int LSEEK = 8;
  static final int MMAP = 9;
  static final int MPROTECT = 10;
  static final int MUNMAP = 11;
  static final int BRK = 12;
  static final int RT_SIGPROCMASK = 14;
  static final int RT_SIGRETURN = 15;
  static final int IOCTL = 16;
  static final int PREAD64 = 17;
  static final int PWRITE64 = 18;
  static final int READV = 19;
  static final int WRITEV = 20;
  static final int ACCESS = 21;
  static final int SCHED_YIELD = 24;
  static final int MREMAP = 25;
  static final int MINCORE = 27;
  static final int MADVISE = 28;
  static final int DUP2 = 33;
  static final int NANOSLEEP = 35;
  static final int GETPID = 39;
  static final int SOCKET = 41;
  static final int SENDTO = 44;
  static final int RECVFROM = 45;
  static final int SENDMSG = 46;
  static final int RECVMSG = 47;
  static final int SHUTDOWN = 48;
  static final int GETSOCKNAME = 51;
  static final int GETPEERNAME = 52;
  static final int SETSOCKOPT = 54;
  static final int GETSOCKOPT = 55;
  static final int CLONE = 56;
  static final int EXECVE = 59;
  static final int EXIT = 60;
  static final int UNAME = 63;
  static final int FCNTL = 72;
  static final int GETCWD = 79;
  static final int READLINK = 89;
  static final int GETTIMEOFDAY = 96;
  static final int GETRUSAGE = 98;
  static final int SYSINFO = 99;
  static final int GETUID = 102;
  static final int GETGID = 104;
  static final int GETEUID = 107;
  static final int GETEGID = 108;
  static final int SIGALTSTACK = 131;
  static final int SETPRIORITY = 141;
  static final int SCHED_SETSCHEDULER = 144;
  static final int PRCTL = 157;
  static final int GETTID = 186;
  static final int TIME = 201;
  static final int FUTEX = 202;
  static final int SCHED_GETAFFINITY = 204;
  static final int RESTART_SYSCALL = 219;
  static final int FADVISE64 = 221;
  static final int CLOCK_GETTIME = 228;
  static final int CLOCK_GETRES = 229;
  static final int CLOCK_NANOSLEEP = 230;
  static final int EXIT_GROUP = 231;
  static final int EPOLL_WAIT = 232;
  static final int EPOLL_CTL = 233;
  static final int TGKILL = 234;
  static final int OPENAT = 257;
  static final int NEWFSTATAT = 262;
  static final int READLINKAT = 267;
  static final int FACCESSAT = 269;
  static final int PPOLL = 271;
  static final int SET_ROBUST_LIST = 273;
  static final int EPOLL_PWAIT = 281;
  static final int FALLOCATE = 285;
  static final int EVENTFD2 = 290;
  static final int EPOLL_CREATE1 = 291;
  static final int DUP3 = 292;
  static final int GETCPU = 309;
  static final int SECCOMP = 317;
  static final int GETRANDOM = 318;
  static final int MEMBARRIER = 324;
  static final int STATX = 332;
  static final int RSEQ = 334;
  static final int CLONE3 = 435;
  static final int FACCESSAT2 = 439;

  /** Set in the numbers of the x32 calls, another set of calls of the same kernel. */
  static final int X32_BIT = 0x4000_0000;

  private SystemCalls() {}
}
