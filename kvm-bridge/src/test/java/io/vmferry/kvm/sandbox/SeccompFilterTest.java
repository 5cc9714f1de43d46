package io.vmferry.kvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the lists say of single calls; the kernel has its word in SeccompIT. */
class SeccompFilterTest {
  private static final int EPERM = 0x0005_0001;
  // Source: include/uapi/asm-generic/fcntl.h.
  private static final int O_WRONLY = 1;
  private static final int O_RDWR = 2;
  private static final int O_CREAT = 0100;
  private static final int O_TRUNC = 01000;
  private static final int O_CLOEXEC = 02000000;
  private static final int O_TMPFILE = 020200000;
  private static final int UFFDIO_COPY = 0xc028_aa03;
  private static final int KVM_RUN = 0xae80;
  private static final int AT_FDCWD = -100;

  @ParameterizedTest
  @EnumSource
  void whatMakesThreadsProcessesAndSocketsIsOnNoList(SandboxRole role) {
    SeccompFilter list = AllowList.of(role, SeccompMode.ERRNO);

    for (int number :
        new int[] {
          SystemCalls.CLONE,
          SystemCalls.CLONE3,
          SystemCalls.EXECVE,
          SystemCalls.SOCKET,
          42, // connect
          101, // ptrace
          310, // process_vm_readv
          319, // memfd_create
          323, // userfaultfd
          425, // io_uring_setup
          438 // pidfd_getfd
        }) {
      assertEquals(EPERM, FilterRun.of(list, number), () -> "call " + number);
    }
    assertEquals(SeccompFilter.ALLOW, FilterRun.of(list, SystemCalls.FUTEX));
    assertEquals(SeccompFilter.ALLOW, FilterRun.of(list, SystemCalls.EXIT_GROUP));
  }

  @ParameterizedTest
  @EnumSource
  void filesAreOpenedForReadingOnly(SandboxRole role) {
    SeccompFilter list = AllowList.of(role, SeccompMode.ERRNO);

    assertEquals(SeccompFilter.ALLOW, openAt(list, 0));
    assertEquals(SeccompFilter.ALLOW, openAt(list, O_CLOEXEC));
    for (int flags : new int[] {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE}) {
      assertEquals(EPERM, openAt(list, flags | O_CLOEXEC), () -> "flags " + flags);
      assertEquals(EPERM, FilterRun.of(list, SystemCalls.OPEN, 0, flags));
    }
  }

  private static int openAt(SeccompFilter list, int flags) {
    return FilterRun.of(list, SystemCalls.OPENAT, AT_FDCWD, 0, flags);
  }

  @Test
  void onlyWhoBringsPagesMayInstallThem() {
    for (SandboxRole role : SandboxRole.values()) {
      SeccompFilter list = AllowList.of(role, SeccompMode.ERRNO);

      int copy = FilterRun.of(list, SystemCalls.IOCTL, 5, UFFDIO_COPY);

      assertEquals(role == SandboxRole.BRINGS_PAGES, copy == SeccompFilter.ALLOW, role.toString());
      assertEquals(EPERM, FilterRun.of(list, SystemCalls.IOCTL, 5, KVM_RUN));
    }
  }

  @Test
  void signalsGoToThisProcessOnly() {
    SeccompFilter list = AllowList.of(SandboxRole.HEARS_PEER, SeccompMode.ERRNO);
    int self = (int) ProcessHandle.current().pid();

    assertEquals(SeccompFilter.ALLOW, FilterRun.of(list, SystemCalls.TGKILL, self, 1, 62));
    assertEquals(EPERM, FilterRun.of(list, SystemCalls.TGKILL, 1, 1, 9));
  }

  @Test
  void callsOfOtherKindsArePutOnNoList() {
    SeccompFilter list = AllowList.of(SandboxRole.HEARS_PEER, SeccompMode.KILL);
    int kill = SeccompMode.KILL.action();

    // The number of read in the x32 set, and what is read for x86-64 and exit for i386.
    assertEquals(kill, FilterRun.of(list, SystemCalls.X32_BIT | SystemCalls.READ));
    assertEquals(kill, FilterRun.of(list, 0x4000_0003, 0, new int[0]));
    assertEquals(kill, FilterRun.of(list, -1));
  }

  @Test
  void aModeHasAName() {
    for (SeccompMode mode : SeccompMode.values()) {
      assertEquals(mode, SeccompMode.parse(mode.toString()));
    }
    String message =
        assertThrows(IllegalArgumentException.class, () -> SeccompMode.parse("on")).getMessage();
    assertTrue(message.contains("off, log, errno, kill"), message);
  }
}
