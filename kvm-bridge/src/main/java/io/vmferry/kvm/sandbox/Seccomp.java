package io.vmferry.kvm.sandbox;

import com.sun.jna.Native;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Takes system calls away from the thread that asks for it, until it ends: for threads of one
 * purpose, never of a pool. Threads that it starts afterwards would be fenced in too, if it could
 * start any.
 *
 * <p>Such a thread still shares its memory with all others: somebody who runs code on it can write
 * what they will do. This makes that harder and bounds no one; decision 20 of docs/decisions.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/seccomp.2.html">seccomp(2)</a>
 */
public final class Seccomp {
  private static final int PROGRAM_BYTES = 16;
  private static final int PROGRAM_FILTER = 8;

  private record Key(SandboxRole role, SeccompMode mode) {}

  /**
   * @param argument struct sock_fprog: the program's length, and its address at 8
   */
  private record Filter(ByteBuffer program, ByteBuffer argument) {
    static Filter of(SeccompFilter list) {
      ByteBuffer program = list.program();
      ByteBuffer argument = DirectBuffers.allocate(PROGRAM_BYTES);
      argument.putShort(0, (short) list.length());
      argument.putLong(PROGRAM_FILTER, DirectBuffers.address(program));
      return new Filter(program, argument);
    }
  }

  // The kernel reads from them: they must stay.
  private static final Map<Key, Filter> FILTERS = new ConcurrentHashMap<>();

  static {
    FirstUses.make();
  }

  private Seccomp() {}

  /**
   * Whether this host can do it: the processor is one whose calls are known here, and the kernel
   * knows the mode.
   */
  public static boolean isAvailable(SeccompMode mode) {
    if (mode == SeccompMode.OFF) {
      return true;
    }
    ByteBuffer action = DirectBuffers.allocate(Integer.BYTES);
    action.putInt(0, mode.action() & ~0xffff); // the low half is data: the error number
    return isKnownProcessor()
        && SandboxCalls.seccomp(
                SandboxCalls.SECCOMP_GET_ACTION_AVAIL, 0, DirectBuffers.address(action))
            == 0;
  }

  /**
   * Fences the calling thread in for good.
   *
   * @throws SyscallException ENOSYS or EINVAL where it is not available; ENOMEM
   * @throws IllegalStateException on another processor
   */
  public static void confine(SandboxRole role, SeccompMode mode) throws SyscallException {
    if (mode == SeccompMode.OFF) {
      return;
    }
    if (!isKnownProcessor()) {
      throw new IllegalStateException("the numbers of the system calls are x86-64's");
    }
    Filter filter =
        FILTERS.computeIfAbsent(
            new Key(role, mode), key -> Filter.of(AllowList.of(key.role(), key.mode())));
    SandboxCalls.giveUpNewPrivileges();
    // Invariant: the program ends with a return and its jumps stay inside, which the kernel checks.
    if (SandboxCalls.seccomp(
            SandboxCalls.SECCOMP_SET_MODE_FILTER,
            SandboxCalls.SECCOMP_FILTER_FLAG_LOG,
            DirectBuffers.address(filter.argument()))
        != 0) {
      throw new SyscallException("seccomp(" + role + ", " + mode + ")", Native.getLastError());
    }
  }

  private static boolean isKnownProcessor() {
    return "amd64".equals(System.getProperty("os.arch"));
  }
}
