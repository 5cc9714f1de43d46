package io.vmferry.actors.guest;

import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RBX;
import static io.vmferry.actors.guest.Reg.RCX;
import static io.vmferry.actors.guest.Reg.RDI;
import static io.vmferry.actors.guest.Reg.RDX;

import io.vmferry.actors.guest.Assembler.Alu;
import io.vmferry.actors.guest.Assembler.Cond;

/**
 * The part of a guest that times its first touch of each page with RDTSC. Touches that took long
 * are counted in the vCPU's block, in the buckets of {@link TouchWaits}, and reported on the serial
 * port.
 */
final class TouchTimer {
  /** Reports between two of waits: a second. */
  private static final int REPORTS = 5;

  private static final int BUCKETS_BYTES = TouchWaits.BUCKETS * Long.BYTES;

  private final Assembler asm;
  private final GuestRuntime runtime;
  private final int vcpus;

  TouchTimer(Assembler asm, GuestRuntime runtime, int vcpus) {
    this.asm = asm;
    this.runtime = runtime;
    this.vcpus = vcpus;
  }

  /**
   * Emits a timed load from the page at RBX; spoils RAX, RCX, RDI. The low half of the counter will
   * do: it wraps after more than a second.
   */
  void emitTouch() {
    asm.mov(RDI, RDX)
        .rdtsc()
        .mov32(RCX, RAX)
        .mov(RAX, Mem.at(RBX))
        .rdtsc()
        .mov(RDX, RDI)
        .alu32(Alu.SUB, RAX, RCX)
        .alu32(Alu.CMP, RAX, 1 << TouchWaits.SHORTEST_BIT)
        .jcc(Cond.NOT_BELOW, "touch.slow")
        .label("touched");
  }

  /** Emits what to do every so many reports, inside of one; spoils RAX, RBX, RCX, RDX, RSI, RDI. */
  void emitReport() {
    Mem reports = Mem.at(RBP, CpuBlock.WAIT_REPORTS);
    asm.inc(reports)
        .alu(Alu.CMP, reports, REPORTS)
        .jcc(Cond.BELOW, "waits.later")
        .mov(reports, 0)
        .call("waits")
        .label("waits.later");
  }

  void emitRoutines() {
    // The number of the bucket: the highest bit, times 4, and the two bits below it.
    int first = TouchWaits.STEPS * (TouchWaits.SHORTEST_BIT - 2) + TouchWaits.STEPS;
    asm.label("touch.slow")
        .bsr(RCX, RAX)
        .alu(Alu.SUB, RCX, 2)
        .shrCl(RAX)
        .shl(RCX, 2)
        .alu(Alu.ADD, RAX, RCX)
        .shl(RAX, 3)
        .inc(new Mem(RBP, RAX, CpuBlock.WAITS - first * Long.BYTES))
        .jmp("touched");
    Mem bucket = new Mem(RBP, RBX, CpuBlock.WAITS);
    asm.label("waits").lea(RDI, Mem.at(RBP, CpuBlock.LINE));
    runtime.emitText(TouchWaits.PREFIX);
    runtime.emitCounter(CpuBlock.CPU);
    runtime.emitText("/" + Integer.toHexString(vcpus));
    asm.mov(RBX, 0).label("waits.next").alu(Alu.CMP, bucket, 0).jcc(Cond.EQUAL, "waits.none");
    runtime.emitText(" ");
    asm.mov(RAX, RBX).shr(RAX, 3).call("hex");
    runtime.emitText("=");
    asm.mov(RAX, bucket)
        .call("hex")
        .label("waits.none")
        .alu(Alu.ADD, RBX, Long.BYTES)
        .alu(Alu.CMP, RBX, BUCKETS_BYTES)
        .jcc(Cond.BELOW, "waits.next")
        .call("print")
        .ret();
  }
}
