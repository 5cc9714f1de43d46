package io.vmferry.kvm.sandbox;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * An allow list as a program for the kernel, in classic BPF: it looks at the architecture, then at
 * the number, and for some calls at one argument. All arguments that are looked at are C ints, of
 * which the kernel takes the low half; what an argument points to cannot be seen.
 *
 * <pre>
 * struct seccomp_data: 0 nr, 4 arch, 8 instruction pointer, 16 six arguments of 8 bytes
 * struct sock_filter:  0 code u16, 2 jump if true u8, 3 jump if false u8, 4 k u32
 * </pre>
 *
 * <p>Every test jumps over a few instructions at most, whose last is a return, so the list may be
 * longer than a jump is wide.
 *
 * <p>Source: Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/seccomp.h and
 * bpf_common.h.
 */
final class SeccompFilter {
  static final int INSTRUCTION_BYTES = 8;
  static final int ALLOW = 0x7fff_0000;
  // Source: include/uapi/linux/audit.h, EM_X86_64 with the bits for 64 bits and little endian.
  static final int ARCH_X86_64 = 0xc000_003e;

  private static final int NUMBER = 0;
  private static final int ARCH = 4;
  private static final int ARGUMENTS = 16;
  private static final int ARGUMENT_BYTES = 8;

  // BPF_LD | BPF_W | BPF_ABS, then BPF_JMP with JEQ, JGE and JSET and BPF_K, then BPF_RET | BPF_K.
  private static final int LOAD = 0x20;
  private static final int JUMP_EQUAL = 0x15;
  private static final int JUMP_NOT_LESS = 0x35;
  private static final int JUMP_ANY_BIT = 0x45;
  private static final int RETURN = 0x06;

  private final int action;
  private final List<Long> instructions = new ArrayList<>();

  /**
   * A list with nothing on it.
   *
   * @param action what is returned for a call that is not on it
   */
  SeccompFilter(int action) {
    this.action = action;
    add(LOAD, 0, 0, ARCH);
    add(JUMP_EQUAL, 1, 0, ARCH_X86_64);
    add(RETURN, 0, 0, action);
    add(LOAD, 0, 0, NUMBER);
    add(JUMP_NOT_LESS, 0, 1, SystemCalls.X32_BIT);
    add(RETURN, 0, 0, action);
  }

  /** Lets calls pass whatever their arguments. */
  SeccompFilter allow(int... numbers) {
    for (int number : numbers) {
      add(JUMP_EQUAL, 0, 1, number);
      add(RETURN, 0, 0, ALLOW);
    }
    return this;
  }

  /** Lets a call pass if an argument is one of some. */
  SeccompFilter allowIf(int number, int argument, int... values) {
    add(JUMP_EQUAL, 0, 2 + 2 * values.length, number);
    add(LOAD, 0, 0, ARGUMENTS + argument * ARGUMENT_BYTES);
    for (int value : values) {
      add(JUMP_EQUAL, 0, 1, value);
      add(RETURN, 0, 0, ALLOW);
    }
    add(RETURN, 0, 0, action); // the number is not in the accumulator any more
    return this;
  }

  /** Lets a call pass if an argument has none of some bits. */
  SeccompFilter allowUnless(int number, int argument, int bits) {
    add(JUMP_EQUAL, 0, 4, number);
    add(LOAD, 0, 0, ARGUMENTS + argument * ARGUMENT_BYTES);
    add(JUMP_ANY_BIT, 0, 1, bits);
    add(RETURN, 0, 0, action);
    add(RETURN, 0, 0, ALLOW);
    return this;
  }

  private void add(int code, int ifTrue, int ifFalse, int k) {
    instructions.add(code | (long) ifTrue << 16 | (long) ifFalse << 24 | (long) k << 32);
  }

  /** How many instructions {@link #program} has. */
  int length() {
    return instructions.size() + 1;
  }

  /** The program, in a direct buffer. */
  ByteBuffer program() {
    ByteBuffer program =
        ByteBuffer.allocateDirect(length() * INSTRUCTION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    instructions.forEach(program::putLong);
    program.putLong(RETURN | (long) action << 32);
    return program.flip();
  }
}
