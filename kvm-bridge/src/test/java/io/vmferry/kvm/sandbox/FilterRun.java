package io.vmferry.kvm.sandbox;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Runs a filter as the kernel would: what a call would get.
 *
 * <p>Source: Documentation/networking/filter.rst, the instructions that {@link SeccompFilter} uses.
 */
final class FilterRun {
  private static final int DATA_BYTES = 64;

  private FilterRun() {}

  static int of(SeccompFilter filter, int number, int... arguments) {
    return of(filter, SeccompFilter.ARCH_X86_64, number, arguments);
  }

  static int of(SeccompFilter filter, int arch, int number, int[] arguments) {
    ByteBuffer data = ByteBuffer.allocate(DATA_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    data.putInt(0, number).putInt(4, arch);
    for (int i = 0; i < arguments.length; i++) {
      data.putLong(16 + 8 * i, 0xffff_ffff_0000_0000L | arguments[i]); // the high half is nothing
    }
    return run(filter.program(), data);
  }

  private static int run(ByteBuffer program, ByteBuffer data) {
    int accumulator = 0;
    for (int at = 0; ; at++) {
      int code = program.getShort(at * 8) & 0xffff;
      int ifTrue = program.get(at * 8 + 2) & 0xff;
      int ifFalse = program.get(at * 8 + 3) & 0xff;
      int k = program.getInt(at * 8 + 4);
      boolean holds = false;
      switch (code) {
        case 0x20 -> accumulator = data.getInt(k);
        case 0x15 -> holds = accumulator == k;
        case 0x35 -> holds = Integer.compareUnsigned(accumulator, k) >= 0;
        case 0x45 -> holds = (accumulator & k) != 0;
        case 0x06 -> {
          return k;
        }
        default -> throw new IllegalStateException("instruction " + code);
      }
      if (code != 0x20) {
        at += holds ? ifTrue : ifFalse;
      }
    }
  }
}
