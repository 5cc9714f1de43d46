package io.vmferry.kvm;

import io.vmferry.kvm.Sregs.DescriptorTable;
import io.vmferry.kvm.Sregs.Segment;
import io.vmferry.kvm.Sregs.SegmentRegister;
import io.vmferry.kvm.VcpuRegs.Register;
import java.util.HexFormat;
import java.util.stream.Collectors;

/** A machine with one memslot at address 0, one vCPU and a few bytes of code. */
final class TestGuest implements AutoCloseable {
  static final int SLOT = 0;
  static final long CODE = 0x1000;
  static final long STACK = 0x8000;
  private static final long PML4 = 0x10000;
  private static final long PDPT = 0x11000;
  private static final long PD = 0x12000;
  private static final long DEVICE_PD = 0x13000;
  private static final long TSS_ADDRESS = 0xfffb_d000L;
  private static final long IDENTITY_MAP_ADDRESS = 0xfffb_c000L;

  final TestMemory memory;
  final KvmVm vm;
  final KvmVcpu vcpu;

  private TestGuest(KvmSystem system, TestMemory memory, boolean irqchip) throws SyscallException {
    this.memory = memory;
    this.vm = system.createVm();
    vm.setTssAddress(TSS_ADDRESS);
    vm.setIdentityMapAddress(IDENTITY_MAP_ADDRESS);
    if (irqchip) {
      vm.createIrqchip();
      vm.createPit();
    }
    vm.enableManualDirtyLog();
    vm.setMemslot(SLOT, new Gpa(0), memory.sizeBytes(), memory.hva(), false);
    this.vcpu = vm.createVcpu(0);
    vcpu.setCpuid(
        system.supportedCpuid().stream()
            .map(TestGuest::withTscDeadline)
            .collect(Collectors.toList()));
  }

  /** KVM provides the TSC deadline timer, but older kernels leave telling the guest to us. */
  private static CpuidEntry withTscDeadline(CpuidEntry entry) {
    return entry.function() != 1
        ? entry
        : new CpuidEntry(
            1, 0, entry.flags(), entry.eax(), entry.ebx(), entry.ecx() | 1 << 24, entry.edx());
  }

  static TestGuest bare(KvmSystem system) throws SyscallException {
    return new TestGuest(system, TestMemory.of(4 << 20), false);
  }

  static TestGuest bare(KvmSystem system, TestMemory memory) throws SyscallException {
    return new TestGuest(system, memory, false);
  }

  static TestGuest withIrqchip(KvmSystem system) throws SyscallException {
    return new TestGuest(system, TestMemory.of(4 << 20), true);
  }

  /** Bytes of code, as an assembler's listing has them. */
  static byte[] code(String... hex) {
    return HexFormat.of().parseHex(String.join("", hex).replace(" ", ""));
  }

  /** Starts in real mode at {@link #CODE}. */
  TestGuest realMode(byte[] code) throws SyscallException {
    memory.write(CODE, code);
    Sregs sregs = vcpu.sregs();
    sregs.setSegment(SegmentRegister.CS, Segment.real(0));
    sregs.setDataSegments(Segment.real(0));
    vcpu.setSregs(sregs);
    vcpu.setRegs(VcpuRegs.zero().with(Register.RIP, CODE).with(Register.RSP, STACK));
    return this;
  }

  /** Starts in 64-bit mode at {@link #CODE}, the first and the fourth GiB mapped one to one. */
  TestGuest longMode(byte[] code) throws SyscallException {
    memory.write(CODE, code);
    memory.setU64(PML4, PDPT | 3);
    memory.setU64(PDPT, PD | 3);
    memory.setU64(PDPT + 24, DEVICE_PD | 3);
    for (int i = 0; i < 512; i++) {
      memory.setU64(DEVICE_PD + 8L * i, 3L << 30 | (long) i << 21 | 0x83);
      memory.setU64(PD + 8L * i, (long) i << 21 | 0x83);
    }
    Sregs sregs = vcpu.sregs();
    sregs
        .setSegment(SegmentRegister.CS, Segment.code64(8))
        .setDataSegments(Segment.data(16))
        .setSegment(SegmentRegister.TR, Segment.tss64(24))
        .setIdt(new DescriptorTable(0, 0xfff))
        .setCr3(PML4)
        .setCr4(0x20) // PAE
        .setCr0(0x8000_0033L) // PG, NE, ET, MP, PE
        .setEfer(0x500); // LME, LMA
    vcpu.setSregs(sregs);
    vcpu.setRegs(VcpuRegs.zero().with(Register.RIP, CODE).with(Register.RSP, STACK));
    return this;
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    memory.close();
  }
}
