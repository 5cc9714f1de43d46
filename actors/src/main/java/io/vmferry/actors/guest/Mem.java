package io.vmferry.actors.guest;

import org.jspecify.annotations.Nullable;

/**
 * A memory operand: {@code [base + index + displacement]}, {@code [displacement]} or {@code [rip +
 * label]}. There is no scale: no guest here needs one.
 *
 * @param base base register, or null for an absolute address below 2 GiB
 * @param index index register (never RSP), or null
 * @param displacement signed byte offset
 */
public record Mem(@Nullable Reg base, @Nullable Reg index, int displacement) {

  /** Checks that the operand can be encoded. */
  public Mem {
    if (index == Reg.RSP) {
      throw new IllegalArgumentException("RSP cannot be an index register");
    }
    if (base == null && index != null) {
      throw new IllegalArgumentException("An index needs a base");
    }
    if (base == null && displacement < 0) {
      throw new IllegalArgumentException("An absolute address must be below 2 GiB");
    }
  }

  /** {@code [base]}. */
  public static Mem at(Reg base) {
    return new Mem(base, null, 0);
  }

  /** {@code [base + displacement]}. */
  public static Mem at(Reg base, int displacement) {
    return new Mem(base, null, displacement);
  }

  /** {@code [base + index]}. */
  public static Mem at(Reg base, Reg index) {
    return new Mem(base, index, 0);
  }

  /** {@code [address]}, an absolute address below 2 GiB. */
  public static Mem absolute(int address) {
    return new Mem(null, null, address);
  }
}
