package io.vmferry.actors.guest;

import io.vmferry.kvm.KvmVcpu;
import io.vmferry.kvm.Sregs;
import io.vmferry.kvm.VcpuRegs;
import io.vmferry.kvm.VcpuRegs.Register;
import java.io.IOException;

/** Puts a {@link VcpuBoot} into a vCPU's registers. */
final class BootRegisters {

  // Source: Documentation/arch/x86/boot.rst, 64-bit boot protocol: __BOOT_CS and __BOOT_DS.
  static final int CODE_SELECTOR = 16;
  static final int DATA_SELECTOR = 24;

  // Source: Intel SDM volume 3, 2.5 (control registers) and 2.2.1 (EFER).
  private static final long CR0_PE = 1;
  private static final long CR0_ET = 1L << 4;
  private static final long CR0_NE = 1L << 5;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PAE = 1L << 5;
  private static final long EFER_LME = 1L << 8;
  private static final long EFER_LMA = 1L << 10;

  private BootRegisters() {}

  static void apply(KvmVcpu vcpu, VcpuBoot boot) throws IOException {
    if (boot.mode() == VcpuBoot.Mode.WAIT_FOR_SIPI) {
      return; // KVM creates every vCPU but the first in that state.
    }
    boolean isLong = boot.mode() == VcpuBoot.Mode.LONG;
    Sregs sregs = vcpu.sregs();
    sregs
        .setSegment(
            Sregs.SegmentRegister.CS,
            isLong ? Sregs.Segment.code64(CODE_SELECTOR) : Sregs.Segment.code32(CODE_SELECTOR))
        .setDataSegments(Sregs.Segment.data(DATA_SELECTOR))
        .setSegment(Sregs.SegmentRegister.TR, Sregs.Segment.tss64(0))
        .setGdt(new Sregs.DescriptorTable(boot.gdt().value(), boot.gdtBytes() - 1))
        .setIdt(new Sregs.DescriptorTable(boot.idt().value(), Math.max(boot.idtBytes() - 1, 0)));
    if (isLong) {
      sregs
          .setCr0(CR0_PE | CR0_ET | CR0_NE | CR0_PG)
          .setCr3(boot.cr3())
          .setCr4(CR4_PAE)
          .setEfer(EFER_LME | EFER_LMA);
    } else {
      sregs.setCr0(CR0_PE | CR0_ET).setCr3(0).setCr4(0).setEfer(0);
    }
    vcpu.setSregs(sregs);
    vcpu.setRegs(
        VcpuRegs.zero()
            .with(Register.RIP, boot.rip())
            .with(Register.RSP, boot.rsp())
            .with(Register.RBP, boot.rbp())
            .with(Register.RBX, boot.rbx())
            .with(Register.RSI, boot.rsi()));
    vcpu.makeRunnable();
  }
}
