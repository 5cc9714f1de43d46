package io.vmferry.actors.guest;

import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RDI;

import io.vmferry.actors.guest.Assembler.Cond;

/** A guest that sleeps, and says so: one heartbeat line per vCPU and second. */
public final class IdleGuest {

  private static final int TICK_NANOS = 1_000_000_000;

  private IdleGuest() {}

  /**
   * Assembles the guest.
   *
   * @param vcpus 1 to 64
   * @param memoryBytes guest memory, at least 4 MiB
   */
  public static GuestImage image(int vcpus, long memoryBytes) {
    ProgramImage.checkMachine(vcpus, memoryBytes);
    Assembler asm = new Assembler(GuestLayout.CODE);
    GuestRuntime runtime = new GuestRuntime(asm);
    runtime.emitStart(TICK_NANOS);
    asm.label("beat").lea(RDI, Mem.at(RBP, CpuBlock.LINE));
    runtime.emitText(GuestReportParser.IDLE_PREFIX);
    runtime.emitCounter(CpuBlock.CPU);
    runtime.emitText("/" + Integer.toHexString(vcpus) + " beats=");
    runtime.emitCounter(CpuBlock.SWEEPS);
    asm.call("print")
        .label("sleep")
        .call("wait")
        .test(RAX)
        .jcc(Cond.EQUAL, "sleep")
        .inc(Mem.at(RBP, CpuBlock.SWEEPS))
        .jmp("beat");
    runtime.emitRoutines();
    return new ProgramImage(vcpus, memoryBytes, asm.assemble(), runtime.handlers(), null);
  }
}
