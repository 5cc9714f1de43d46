package io.vmferry.actors.guest;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A small x86-64 assembler: 64-bit mode, labels with 32-bit fixups, and only the instructions that
 * the guests need and that KVM's instruction emulator knows.
 *
 * <p>Methods are named after the mnemonic, with the operand size where it is not 64 bits ({@code
 * mov32}, {@code mov8}). The destination operand comes first. Not thread-safe.
 *
 * <p>Source: Intel SDM volume 2, chapter 2 (instruction format) and chapters 3 to 5 (encodings).
 */
public final class Assembler {

  /** The eight two-operand arithmetic operations; the value is their number in the opcode. */
  public enum Alu {
    ADD(0),
    OR(1),
    ADC(2),
    SBB(3),
    AND(4),
    SUB(5),
    XOR(6),
    CMP(7);

    private final int code;

    Alu(int code) {
      this.code = code;
    }
  }

  /** Conditions of {@link #jcc}; the value is the low nibble of the opcode. */
  public enum Cond {
    BELOW(2),
    NOT_BELOW(3),
    EQUAL(4),
    NOT_EQUAL(5),
    NOT_ABOVE(6),
    ABOVE(7);

    private final int code;

    Cond(int code) {
      this.code = code;
    }
  }

  /** String instructions; the element is 8 bytes unless the name says otherwise. */
  public enum StringOp {
    MOVSB(0xA4, false),
    STOSB(0xAA, false),
    LODSB(0xAC, false),
    MOVSQ(0xA5, true),
    STOSQ(0xAB, true),
    SCASQ(0xAF, true);

    private final int opcode;
    private final boolean wide;

    StringOp(int opcode, boolean wide) {
      this.opcode = opcode;
      this.wide = wide;
    }
  }

  private record Fixup(int position, String label) {}

  private final long origin;
  private final Map<String, Integer> labels = new HashMap<>();
  private final List<Fixup> fixups = new ArrayList<>();
  private byte[] code = new byte[1024];
  private int size;

  /**
   * @param origin guest-physical address at which the code will stand (identity-mapped)
   */
  public Assembler(long origin) {
    this.origin = origin;
  }

  /** Defines a label at the current position. */
  public Assembler label(String name) {
    if (labels.put(name, size) != null) {
      throw new IllegalArgumentException("Label " + name + " is defined twice");
    }
    return this;
  }

  /** Address of the current position. */
  public long here() {
    return origin + size;
  }

  /** Address of a label that has been defined. */
  public long address(String label) {
    Integer offset = labels.get(label);
    if (offset == null) {
      throw new IllegalArgumentException("Label " + label + " is not defined");
    }
    return origin + offset;
  }

  /** Resolves every label and returns the code. */
  public byte[] assemble() {
    ByteBuffer out = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
    for (Fixup fixup : fixups) {
      long target = address(fixup.label()) - origin;
      out.putInt(fixup.position(), Math.toIntExact(target - (fixup.position() + 4)));
    }
    return Arrays.copyOf(code, size);
  }

  // ---- data ----

  /** Emits bytes as they are. */
  public Assembler bytes(int... values) {
    for (int value : values) {
      emit(value);
    }
    return this;
  }

  /** Emits ASCII text and a zero byte. */
  public Assembler asciiz(String text) {
    for (byte b : text.getBytes(US_ASCII)) {
      emit(b);
    }
    return bytes(0);
  }

  /** Pads with zeros to a multiple of {@code alignment} (of the offset from the origin). */
  public Assembler align(int alignment) {
    while (size % alignment != 0) {
      emit(0);
    }
    return this;
  }

  // ---- moves ----

  /** {@code dst = src}. */
  public Assembler mov(Reg dst, Reg src) {
    return registers(true, 0x89, src, dst);
  }

  /** {@code dst = value}: the shortest of the zero-extended, sign-extended and 64-bit forms. */
  public Assembler mov(Reg dst, long value) {
    if (value >= 0 && value <= 0xFFFF_FFFFL) {
      rex(false, 0, 0, dst.high());
      emit(0xB8 + dst.low());
      return imm32((int) value);
    }
    rex(true, 0, 0, dst.high());
    if (value == (int) value) {
      return bytes(0xC7, 0xC0 | dst.low()).imm32((int) value);
    }
    emit(0xB8 + dst.low());
    return imm32((int) value).imm32((int) (value >>> 32));
  }

  /** Loads 8 bytes. */
  public Assembler mov(Reg dst, Mem src) {
    return memory(true, 0x8B, dst, src);
  }

  /** Stores 8 bytes. */
  public Assembler mov(Mem dst, Reg src) {
    return memory(true, 0x89, src, dst);
  }

  /** Stores a sign-extended constant of 8 bytes. */
  public Assembler mov(Mem dst, int value) {
    return memory(true, 0xC7, Reg.RAX, dst).imm32(value);
  }

  /** Copies the low 4 bytes and clears the high ones. */
  public Assembler mov32(Reg dst, Reg src) {
    return registers(false, 0x89, src, dst);
  }

  /** Loads 4 bytes, zero-extended. */
  public Assembler mov32(Reg dst, Mem src) {
    return memory(false, 0x8B, dst, src);
  }

  /** Stores the low 4 bytes. */
  public Assembler mov32(Mem dst, Reg src) {
    return memory(false, 0x89, src, dst);
  }

  /** Stores a constant of 4 bytes. */
  public Assembler mov32(Mem dst, int value) {
    return memory(false, 0xC7, Reg.RAX, dst).imm32(value);
  }

  /** Loads one byte, zero-extended. */
  public Assembler movzx8(Reg dst, Mem src) {
    rex(false, dst, src);
    bytes(0x0F, 0xB6);
    return operand(dst, src);
  }

  /** {@code dst} = address of the operand. */
  public Assembler lea(Reg dst, Mem src) {
    return memory(true, 0x8D, dst, src);
  }

  /** {@code dst} = address of a label, relative to RIP. */
  public Assembler lea(Reg dst, String label) {
    rex(true, dst.high(), 0, 0);
    bytes(0x8D, dst.low() << 3 | 5);
    return fixup(label);
  }

  /** Exchanges 4 bytes, atomically. */
  public Assembler xchg32(Mem memory, Reg reg) {
    return memory(false, 0x87, reg, memory);
  }

  // ---- arithmetic ----

  /** {@code dst op= src}. */
  public Assembler alu(Alu op, Reg dst, Reg src) {
    return registers(true, op.code << 3 | 1, src, dst);
  }

  /** {@code dst op= src}, 32 bits. */
  public Assembler alu32(Alu op, Reg dst, Reg src) {
    return registers(false, op.code << 3 | 1, src, dst);
  }

  /** {@code dst op= value}, sign-extended. */
  public Assembler alu(Alu op, Reg dst, int value) {
    return immediate(true, op, dst, value);
  }

  /** {@code dst op= value}, 32 bits. */
  public Assembler alu32(Alu op, Reg dst, int value) {
    return immediate(false, op, dst, value);
  }

  /** {@code dst op= [src]}. */
  public Assembler alu(Alu op, Reg dst, Mem src) {
    return memory(true, op.code << 3 | 3, dst, src);
  }

  /** {@code [dst] op= src}, 8 bytes. */
  public Assembler alu(Alu op, Mem dst, Reg src) {
    return memory(true, op.code << 3 | 1, src, dst);
  }

  /** {@code [dst] op= value}, 8 bytes, sign-extended. */
  public Assembler alu(Alu op, Mem dst, int value) {
    boolean small = value == (byte) value;
    memory(true, small ? 0x83 : 0x81, Reg.numbered(op.code), dst);
    return small ? bytes(value) : imm32(value);
  }

  /** Tests a register against itself: sets the flags of its value. */
  public Assembler test(Reg reg) {
    return registers(true, 0x85, reg, reg);
  }

  /** Compares AL with a constant. */
  public Assembler cmpAl(int value) {
    return bytes(0x3C, value);
  }

  /** Tests bits of AL. */
  public Assembler testAl(int mask) {
    return bytes(0xA8, mask);
  }

  /** {@code dst *= src}, low 64 bits. */
  public Assembler imul(Reg dst, Reg src) {
    rex(true, dst.high(), 0, src.high());
    return bytes(0x0F, 0xAF, 0xC0 | dst.low() << 3 | src.low());
  }

  /** Shifts left by a constant. */
  public Assembler shl(Reg dst, int count) {
    rex(true, 0, 0, dst.high());
    return bytes(0xC1, 0xE0 | dst.low(), count);
  }

  /** Shifts right (unsigned) by a constant. */
  public Assembler shr(Reg dst, int count) {
    rex(true, 0, 0, dst.high());
    return bytes(0xC1, 0xE8 | dst.low(), count);
  }

  /** Shifts right (unsigned) by CL. */
  public Assembler shrCl(Reg dst) {
    rex(true, 0, 0, dst.high());
    return bytes(0xD3, 0xE8 | dst.low());
  }

  /** {@code dst} = number of the highest bit set in {@code src}, which must not be 0. */
  public Assembler bsr(Reg dst, Reg src) {
    rex(true, dst.high(), 0, src.high());
    return bytes(0x0F, 0xBD, 0xC0 | dst.low() << 3 | src.low());
  }

  /** Increments 8 bytes of memory. */
  public Assembler inc(Mem memory) {
    return memory(true, 0xFF, Reg.RAX, memory);
  }

  /** Decrements a register. */
  public Assembler dec(Reg reg) {
    rex(true, 0, 0, reg.high());
    return bytes(0xFF, 0xC8 | reg.low());
  }

  /** Decrements the low 4 bytes of a register. */
  public Assembler dec32(Reg reg) {
    rex(false, 0, 0, reg.high());
    return bytes(0xFF, 0xC8 | reg.low());
  }

  // ---- control ----

  /** Jumps to a label. */
  public Assembler jmp(String label) {
    return bytes(0xE9).fixup(label);
  }

  /** Jumps to a label if the condition holds. */
  public Assembler jcc(Cond condition, String label) {
    return bytes(0x0F, 0x80 | condition.code).fixup(label);
  }

  /** Calls a label. */
  public Assembler call(String label) {
    return bytes(0xE8).fixup(label);
  }

  /** Returns. */
  public Assembler ret() {
    return bytes(0xC3);
  }

  /** Pushes registers, the first one first. */
  public Assembler push(Reg... regs) {
    for (Reg reg : regs) {
      rex(false, 0, 0, reg.high());
      emit(0x50 + reg.low());
    }
    return this;
  }

  /** Pushes a sign-extended constant as 8 bytes. */
  public Assembler push(int value) {
    return bytes(0x68).imm32(value);
  }

  /** Pops registers, the last one first: the mirror of {@link #push(Reg...)}. */
  public Assembler pop(Reg... regs) {
    for (int i = regs.length - 1; i >= 0; i--) {
      rex(false, 0, 0, regs[i].high());
      emit(0x58 + regs[i].low());
    }
    return this;
  }

  /** One string instruction. */
  public Assembler string(StringOp op) {
    if (op.wide) {
      emit(0x48);
    }
    return bytes(op.opcode);
  }

  /** Repeats RCX times; a SCAS stops at the first element that differs (REPE). */
  public Assembler rep(StringOp op) {
    emit(0xF3);
    return string(op);
  }

  /** Sends AL to the port in DX. */
  public Assembler outDxAl() {
    return bytes(0xEE);
  }

  /** Reads the port in DX into AL. */
  public Assembler inAlDx() {
    return bytes(0xEC);
  }

  /** Allows interrupts after the next instruction. */
  public Assembler sti() {
    return bytes(0xFB);
  }

  /** Forbids interrupts. */
  public Assembler cli() {
    return bytes(0xFA);
  }

  /** Waits for an interrupt. */
  public Assembler hlt() {
    return bytes(0xF4);
  }

  /** Does nothing. */
  public Assembler nop() {
    return bytes(0x90);
  }

  /** Spin-loop hint. */
  public Assembler pause() {
    return bytes(0xF3, 0x90);
  }

  /** Reads the time stamp counter into EDX and EAX. */
  public Assembler rdtsc() {
    return bytes(0x0F, 0x31);
  }

  /** Reads CR2, the address of the last page fault. */
  public Assembler movFromCr2(Reg dst) {
    rex(false, 0, 0, dst.high());
    return bytes(0x0F, 0x20, 0xD0 | dst.low());
  }

  // ---- encoding ----

  private void emit(int value) {
    if (size == code.length) {
      code = Arrays.copyOf(code, size * 2);
    }
    code[size++] = (byte) value;
  }

  private Assembler imm32(int value) {
    return bytes(value, value >> 8, value >> 16, value >> 24);
  }

  private Assembler fixup(String label) {
    fixups.add(new Fixup(size, label));
    return imm32(0);
  }

  private void rex(boolean wide, int r, int x, int b) {
    int prefix = (wide ? 8 : 0) | r << 2 | x << 1 | b;
    if (prefix != 0) {
      emit(0x40 | prefix);
    }
  }

  private void rex(boolean wide, Reg reg, Mem memory) {
    Reg base = memory.base();
    Reg index = memory.index();
    rex(wide, reg.high(), index == null ? 0 : index.high(), base == null ? 0 : base.high());
  }

  private Assembler registers(boolean wide, int opcode, Reg reg, Reg rm) {
    rex(wide, reg.high(), 0, rm.high());
    return bytes(opcode, 0xC0 | reg.low() << 3 | rm.low());
  }

  private Assembler immediate(boolean wide, Alu op, Reg dst, int value) {
    rex(wide, 0, 0, dst.high());
    int modrm = 0xC0 | op.code << 3 | dst.low();
    if (value == (byte) value) {
      return bytes(0x83, modrm, value);
    }
    return bytes(0x81, modrm).imm32(value);
  }

  private Assembler memory(boolean wide, int opcode, Reg reg, Mem memory) {
    rex(wide, reg, memory);
    emit(opcode);
    return operand(reg, memory);
  }

  /** ModRM, SIB and displacement. RSP and R12 need a SIB; RBP and R13 need a displacement. */
  private Assembler operand(Reg reg, Mem memory) {
    Reg base = memory.base();
    Reg index = memory.index();
    int displacement = memory.displacement();
    int regBits = reg.low() << 3;
    if (base == null) {
      return bytes(regBits | 4, 0x25).imm32(displacement);
    }
    boolean none = displacement == 0 && base.low() != 5;
    boolean small = displacement == (byte) displacement;
    int mod = none ? 0 : small ? 0x40 : 0x80;
    if (index != null || base.low() == 4) {
      bytes(mod | regBits | 4, (index == null ? 4 : index.low()) << 3 | base.low());
    } else {
      emit(mod | regBits | base.low());
    }
    return none ? this : small ? bytes(displacement) : imm32(displacement);
  }
}
