package io.vmferry.actors.guest;

import static io.vmferry.actors.guest.Reg.R15;
import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RBX;
import static io.vmferry.actors.guest.Reg.RCX;
import static io.vmferry.actors.guest.Reg.RDI;
import static io.vmferry.actors.guest.Reg.RDX;
import static io.vmferry.actors.guest.Reg.RSI;
import static io.vmferry.actors.guest.Reg.RSP;

import io.vmferry.actors.guest.Assembler.Alu;
import io.vmferry.actors.guest.Assembler.Cond;
import io.vmferry.actors.guest.Assembler.StringOp;
import java.util.Arrays;

/**
 * The routines both guests share: timer, waiting, numbers as text, the serial port, faults.
 *
 * <p>Interrupts are off except inside {@code poll} and {@code wait}. The handlers therefore never
 * return to what they interrupted: they drop the frame and return to the caller of that routine,
 * which needs no IRETQ (KVM's emulator has none for 64-bit mode).
 *
 * <p>Register use: RBP this vCPU's block, R15 the LAPIC's EOI register. {@code poll} and {@code
 * wait} return RAX = 1 after a tick, else 0.
 */
final class GuestRuntime {

  /** Local APIC timer interrupt. */
  static final int TICK_VECTOR = 0x40;

  private static final int SPURIOUS_VECTOR = 0xFF;
  private static final int EXCEPTIONS = 32;

  /** Exceptions that push an error code: DF, TS, NP, SS, GP, PF, AC, CP, VC, SX. */
  private static final long WITH_ERROR_CODE =
      1L << 8 | 1L << 10 | 1L << 11 | 1L << 12 | 1L << 13 | 1L << 14 | 1L << 17 | 1L << 21
          | 1L << 29 | 1L << 30;

  // Local APIC registers, as offsets from EOI. Source: Intel SDM volume 3, table 11-1.
  private static final long LAPIC_EOI = 0xFEE0_00B0L;
  private static final int SPURIOUS = 0xF0 - 0xB0;
  private static final int LVT_TIMER = 0x320 - 0xB0;
  private static final int LVT_LINT0 = 0x350 - 0xB0;
  private static final int INITIAL_COUNT = 0x380 - 0xB0;
  private static final int DIVIDE = 0x3E0 - 0xB0;

  /** The timer's counter, as an offset from R15: runs down, and begins anew with each tick. */
  static final int CURRENT_COUNT = 0x390 - 0xB0;

  private static final int APIC_ENABLE = 0x100;
  private static final int LVT_MASKED = 0x1_0000;
  private static final int LVT_PERIODIC = 0x2_0000;
  private static final int DIVIDE_BY_1 = 0xB;

  /** Offset of RSP in an interrupt frame without error code. */
  private static final int FRAME_RSP = 24;

  private static final int UART = 0x3F8;
  private static final int UART_FIFO = UART + 2;
  private static final int UART_LINE_CONTROL = UART + 3;
  private static final int UART_LINE_STATUS = UART + 5;
  private static final int EIGHT_BITS = 3;
  private static final int FIFO_ENABLE = 1;
  private static final int THR_EMPTY = 0x20;
  private static final int FIFO_BYTES = 16;
  private static final int PIC_MASTER_MASK = 0x21;
  private static final int PIC_SLAVE_MASK = 0xA1;

  private final Assembler asm;
  private int unique;

  GuestRuntime(Assembler asm) {
    this.asm = asm;
  }

  /**
   * Emits the start of a program: masks the PIC, sets up UART and LAPIC timer.
   *
   * @param tickNanos timer period. KVM's APIC timer counts nanoseconds with divide by 1, on every
   *     host. Source: arch/x86/kvm/lapic.h, APIC_BUS_CYCLE_NS_DEFAULT; api.rst,
   *     KVM_CAP_X86_APIC_BUS_CYCLES_NS
   */
  void emitStart(int tickNanos) {
    out(PIC_MASTER_MASK, 0xFF);
    out(PIC_SLAVE_MASK, 0xFF);
    out(UART_LINE_CONTROL, EIGHT_BITS);
    out(UART_FIFO, FIFO_ENABLE);
    asm.mov(R15, LAPIC_EOI)
        .mov32(Mem.at(R15, SPURIOUS), APIC_ENABLE | SPURIOUS_VECTOR)
        .mov32(Mem.at(R15, LVT_LINT0), LVT_MASKED)
        .mov32(Mem.at(R15, DIVIDE), DIVIDE_BY_1)
        .mov32(Mem.at(R15, LVT_TIMER), LVT_PERIODIC | TICK_VECTOR)
        .mov32(Mem.at(R15, INITIAL_COUNT), tickNanos);
  }

  /** Emits the shared routines and handlers. */
  void emitRoutines() {
    emitWaiting();
    emitNumbers();
    emitSerial();
    emitFaults();
  }

  /** Handlers by vector, once {@link #emitRoutines} has run. */
  long[] handlers() {
    long[] handlers = new long[256];
    Arrays.fill(handlers, asm.address("ignore"));
    for (int vector = 0; vector < EXCEPTIONS; vector++) {
      handlers[vector] = asm.address("exception" + vector);
    }
    handlers[TICK_VECTOR] = asm.address("tick");
    return handlers;
  }

  /** Appends text to the line at RDI; spoils RAX and RSI. */
  void emitText(String text) {
    String data = "text" + unique;
    String code = "after" + unique;
    unique++;
    asm.jmp(code).label(data).asciiz(text).label(code).lea(RSI, data).call("puts");
  }

  /** Appends a counter of this vCPU's block as a hexadecimal number; spoils RAX, RCX, RDX. */
  void emitCounter(int offset) {
    asm.mov(RAX, Mem.at(RBP, offset)).call("hex");
  }

  private void emitWaiting() {
    // STI holds interrupts off for one more instruction, HLT included, so no tick slips between.
    asm.label("poll").sti().nop().nop().cli().alu32(Alu.XOR, RAX, RAX).ret();
    asm.label("wait").sti().hlt().cli().alu32(Alu.XOR, RAX, RAX).ret();
    asm.label("tick").mov32(Mem.at(R15), 0).mov(RSP, Mem.at(RSP, FRAME_RSP)).mov(RAX, 1).ret();
    asm.label("ignore").mov(RSP, Mem.at(RSP, FRAME_RSP)).alu32(Alu.XOR, RAX, RAX).ret();
  }

  private void emitNumbers() {
    asm.label("puts")
        .string(StringOp.LODSB)
        .cmpAl(0)
        .jcc(Cond.EQUAL, "puts.end")
        .string(StringOp.STOSB)
        .jmp("puts")
        .label("puts.end")
        .ret();
    // RAX in hexadecimal without leading zeros, to RDI; spoils RCX, RDX.
    asm.label("hex")
        .mov(RDX, RAX)
        .mov(RCX, 64)
        .label("hex.skip")
        .alu32(Alu.SUB, RCX, 4)
        .jcc(Cond.EQUAL, "hex.digit")
        .mov(RAX, RDX)
        .shrCl(RAX)
        .test(RAX)
        .jcc(Cond.EQUAL, "hex.skip")
        .label("hex.digit")
        .mov(RAX, RDX)
        .shrCl(RAX)
        .alu32(Alu.AND, RAX, 0xF)
        .alu32(Alu.ADD, RAX, '0')
        .cmpAl('9')
        .jcc(Cond.NOT_ABOVE, "hex.store")
        .alu32(Alu.ADD, RAX, 'a' - '9' - 1)
        .label("hex.store")
        .string(StringOp.STOSB)
        .alu32(Alu.SUB, RCX, 4)
        .jcc(Cond.NOT_BELOW, "hex.digit")
        .ret();
  }

  /** {@code print}: ends the line at RDI and sends it; spoils RAX, RBX, RCX, RDX, RSI. */
  private void emitSerial() {
    Mem lock = Mem.absolute(GuestLayout.SERIAL_LOCK);
    asm.label("print")
        .mov(RAX, '\n')
        .string(StringOp.STOSB)
        .lea(RSI, Mem.at(RBP, CpuBlock.LINE))
        .mov(RBX, RDI)
        .alu(Alu.SUB, RBX, RSI)
        .label("print.lock")
        .mov(RAX, 1)
        .xchg32(lock, RAX)
        .test(RAX)
        .jcc(Cond.EQUAL, "print.ready")
        .pause()
        .jmp("print.lock")
        .label("print.ready")
        .mov(RDX, UART_LINE_STATUS)
        .inAlDx()
        .testAl(THR_EMPTY)
        .jcc(Cond.EQUAL, "print.ready")
        .mov(RDX, UART)
        .mov(RCX, FIFO_BYTES)
        .label("print.byte")
        .string(StringOp.LODSB)
        .outDxAl()
        .dec32(RBX)
        .jcc(Cond.EQUAL, "print.end")
        .dec32(RCX)
        .jcc(Cond.NOT_EQUAL, "print.byte")
        .jmp("print.ready")
        .label("print.end")
        .mov32(lock, 0)
        .ret();
  }

  private void emitFaults() {
    for (int vector = 0; vector < EXCEPTIONS; vector++) {
      asm.label("exception" + vector);
      if ((WITH_ERROR_CODE >>> vector & 1) == 0) {
        asm.push(0);
      }
      asm.push(vector).jmp("fault");
    }
    asm.label("fault").lea(RDI, Mem.at(RBP, CpuBlock.LINE));
    emitText("vmferry fault cpu=");
    emitCounter(CpuBlock.CPU);
    emitText(" vector=");
    asm.pop(RAX).call("hex");
    emitText(" error=");
    asm.pop(RAX).call("hex");
    emitText(" rip=");
    asm.pop(RAX).call("hex");
    emitText(" cr2=");
    asm.movFromCr2(RAX).call("hex");
    asm.call("print").label("stop").cli().hlt().jmp("stop");
  }

  private void out(int port, int value) {
    asm.mov(RDX, port).mov(RAX, value).outDxAl();
  }
}
