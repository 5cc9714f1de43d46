package io.vmferry.kvm;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * The signal that brings a thread out of KVM_RUN.
 *
 * <p>A real-time signal is sent to one thread; its handler is a libc function without side effects,
 * so no Java code ever runs in signal context. There is no SA_RESTART: any system call the thread
 * is in returns EINTR. A kick alone can come just before KVM_RUN and be lost; {@link
 * KvmVcpu#requestExit} sets {@code immediate_exit} first, which closes that gap.
 */
public final class VcpuKick {
  // SIGRTMIN is 34 in glibc (32 and 33 are its own). The JDK uses SIGRTMAX - 2 = 62 for blocked
  // channels; the ones in between are free unless a library of the process took them.
  private static final int FIRST_CANDIDATE = 36;
  private static final int LAST_CANDIDATE = 60;

  // glibc's struct sigaction on x86-64 (bits/sigaction.h): handler at 0, mask of 128 bytes at 8,
  // flags at 136, restorer at 144.
  static final int SIGACTION_BYTES = 152;
  private static final int FLAGS_OFFSET = 136;

  private static volatile int signal;

  private VcpuKick() {}

  /**
   * Installs the handler for the process; later calls do nothing.
   *
   * @throws SyscallException EBUSY if every candidate signal has a handler of someone else
   */
  public static synchronized void install() throws SyscallException {
    if (signal != 0) {
      return;
    }
    // int abs(int) has the shape of a handler on x86-64, touches nothing and is in every libc.
    Function handler = NativeLibrary.getInstance("c").getFunction("abs");
    for (int candidate = FIRST_CANDIDATE; candidate <= LAST_CANDIDATE; candidate++) {
      if (currentHandler(candidate) == 0) {
        setHandler(candidate, handler);
        signal = candidate;
        return;
      }
    }
    throw new SyscallException("sigaction(vCPU kick, no free real-time signal)", Errno.EBUSY);
  }

  private static long currentHandler(int candidate) throws SyscallException {
    try (Memory old = new Memory(SIGACTION_BYTES)) {
      old.clear();
      check(KvmCalls.sigaction(candidate, 0, Pointer.nativeValue(old)), candidate);
      return old.getLong(0);
    }
  }

  private static void setHandler(int candidate, Pointer handler) throws SyscallException {
    try (Memory action = new Memory(SIGACTION_BYTES)) {
      action.clear();
      action.setPointer(0, handler);
      action.setInt(FLAGS_OFFSET, 0);
      check(KvmCalls.sigaction(candidate, Pointer.nativeValue(action), 0), candidate);
    }
  }

  private static void check(int result, int candidate) throws SyscallException {
    if (result != 0) {
      throw new SyscallException("sigaction(" + candidate + ")", Native.getLastError());
    }
  }

  /** The kernel's id of the calling thread, for {@link #kick}. */
  public static int currentThreadId() {
    return KvmCalls.gettid();
  }

  /**
   * Signals one thread of this process.
   *
   * @param threadId a result of {@link #currentThreadId} on that thread
   * @return false if the thread has ended
   * @throws IllegalStateException if {@link #install} was not called
   */
  public static boolean kick(int threadId) {
    int number = signal;
    if (number == 0) {
      throw new IllegalStateException("VcpuKick.install() must come first");
    }
    // ESRCH is the only failure with valid arguments: the thread has ended.
    return KvmCalls.tgkill(KvmCalls.getpid(), threadId, number) == 0;
  }
}
