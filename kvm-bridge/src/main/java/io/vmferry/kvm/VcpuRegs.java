package io.vmferry.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * General registers of a vCPU.
 *
 * <p>Source: arch/x86/include/uapi/asm/kvm.h, struct kvm_regs, 144 bytes, in this order.
 */
public record VcpuRegs(
    long rax,
    long rbx,
    long rcx,
    long rdx,
    long rsi,
    long rdi,
    long rsp,
    long rbp,
    long r8,
    long r9,
    long r10,
    long r11,
    long r12,
    long r13,
    long r14,
    long r15,
    long rip,
    long rflags) {
  /** Size of struct kvm_regs. */
  static final int BYTES = 144;

  private static final long RFLAGS_RESERVED_ONE = 2;

  /** The registers of struct kvm_regs, in its order. */
  public enum Register {
    RAX(0),
    RBX(8),
    RCX(16),
    RDX(24),
    RSI(32),
    RDI(40),
    RSP(48),
    RBP(56),
    R8(64),
    R9(72),
    R10(80),
    R11(88),
    R12(96),
    R13(104),
    R14(112),
    R15(120),
    RIP(128),
    RFLAGS(136);

    private final int offset;

    Register(int offset) {
      this.offset = offset;
    }
  }

  /** All zero, but for the bit of RFLAGS that is always one; interrupts off. */
  public static VcpuRegs zero() {
    return new VcpuRegs(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, RFLAGS_RESERVED_ONE);
  }

  /** The value of one register. */
  public long get(Register register) {
    return ByteBuffer.wrap(toBytes()).order(ByteOrder.LITTLE_ENDIAN).getLong(register.offset);
  }

  /** These registers with one changed. */
  public VcpuRegs with(Register register, long value) {
    byte[] struct = toBytes();
    ByteBuffer.wrap(struct).order(ByteOrder.LITTLE_ENDIAN).putLong(register.offset, value);
    return decode(struct);
  }

  byte[] toBytes() {
    byte[] struct = new byte[BYTES];
    ByteBuffer.wrap(struct)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(rax)
        .putLong(rbx)
        .putLong(rcx)
        .putLong(rdx)
        .putLong(rsi)
        .putLong(rdi)
        .putLong(rsp)
        .putLong(rbp)
        .putLong(r8)
        .putLong(r9)
        .putLong(r10)
        .putLong(r11)
        .putLong(r12)
        .putLong(r13)
        .putLong(r14)
        .putLong(r15)
        .putLong(rip)
        .putLong(rflags);
    return struct;
  }

  static VcpuRegs decode(byte[] struct) {
    ByteBuffer raw = ByteBuffer.wrap(struct).order(ByteOrder.LITTLE_ENDIAN);
    return new VcpuRegs(
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong(),
        raw.getLong());
  }
}
