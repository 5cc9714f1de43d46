package io.vmferry.kvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * Saves and restores the state of one vCPU, in the orders that the kernel needs.
 *
 * <p>Source: Documentation/virt/kvm/api.rst, section 4, and arch/x86/kvm/x86.c; the reasons are
 * beside each step.
 */
final class VcpuStateIo {
  // Source: arch/x86/include/uapi/asm/kvm.h, sizeof each struct.
  static final int FPU_BYTES = 416;
  static final int XCRS_BYTES = 392;
  static final int LAPIC_BYTES = 1024;
  static final int MP_STATE_BYTES = 4;
  static final int EVENTS_BYTES = 64;
  static final int DEBUGREGS_BYTES = 128;
  private static final int TSC_KHZ_BYTES = 4;

  private final OwnedFd fd;
  private final VcpuFeatures features;
  private final int[] msrIndices;

  VcpuStateIo(OwnedFd fd, VcpuFeatures features, int[] msrIndices) {
    this.fd = fd;
    this.features = features;
    this.msrIndices = msrIndices;
  }

  VcpuState save(byte[] cpuid) throws SyscallException {
    Map<String, byte[]> parts = new HashMap<>();
    parts.put(VcpuState.CPUID, cpuid);
    if (features.mpState()) {
      // First: reading it makes KVM act on a pending INIT or start-up interrupt, which changes
      // the registers read below.
      parts.put(VcpuState.MP_STATE, Structs.read(fd, KvmIoctl.KVM_GET_MP_STATE, MP_STATE_BYTES));
    }
    parts.put(VcpuState.REGS, Structs.read(fd, KvmIoctl.KVM_GET_REGS, VcpuRegs.BYTES));
    parts.put(VcpuState.SREGS, Structs.read(fd, KvmIoctl.KVM_GET_SREGS, Sregs.BYTES));
    if (features.xsave2()) {
      parts.put(VcpuState.XSAVE, Structs.read(fd, KvmIoctl.KVM_GET_XSAVE2, features.xsaveBytes()));
    } else if (features.xsaveBytes() > 0) {
      parts.put(VcpuState.XSAVE, Structs.read(fd, KvmIoctl.KVM_GET_XSAVE, features.xsaveBytes()));
    } else {
      parts.put(VcpuState.FPU, Structs.read(fd, KvmIoctl.KVM_GET_FPU, FPU_BYTES));
    }
    if (features.xcrs()) {
      parts.put(VcpuState.XCRS, Structs.read(fd, KvmIoctl.KVM_GET_XCRS, XCRS_BYTES));
    }
    if (features.debugRegs()) {
      parts.put(VcpuState.DEBUGREGS, Structs.read(fd, KvmIoctl.KVM_GET_DEBUGREGS, DEBUGREGS_BYTES));
    }
    if (features.irqchip()) {
      parts.put(VcpuState.LAPIC, Structs.read(fd, KvmIoctl.KVM_GET_LAPIC, LAPIC_BYTES));
    }
    parts.put(VcpuState.MSRS, Msrs.read(fd, msrIndices));
    if (features.events()) {
      parts.put(VcpuState.EVENTS, Structs.read(fd, KvmIoctl.KVM_GET_VCPU_EVENTS, EVENTS_BYTES));
    }
    if (features.tscKhz()) {
      parts.put(VcpuState.TSC_KHZ, u32(KvmIoctl.KVM_GET_TSC_KHZ.call(fd, 0)));
    }
    return VcpuState.of(parts);
  }

  /** Everything but CPUID, which is already set: it decides which bits and MSRs are valid. */
  void restore(VcpuState state) throws SyscallException {
    if (state.has(VcpuState.TSC_KHZ)) {
      // Before the TSC itself, whose written value is turned into an offset at this frequency.
      restoreTscKhz(state.part(VcpuState.TSC_KHZ));
    }
    write(state, VcpuState.REGS, KvmIoctl.KVM_SET_REGS);
    // Before the LAPIC: holds the APIC base, which switches it on and selects x2APIC.
    write(state, VcpuState.SREGS, KvmIoctl.KVM_SET_SREGS);
    if (state.has(VcpuState.XSAVE)) {
      int expected = features.xsaveBytes();
      byte[] xsave = state.part(VcpuState.XSAVE);
      Structs.write(fd, KvmIoctl.KVM_SET_XSAVE, xsave, VcpuState.XSAVE, expected);
    }
    writeIfThere(state, VcpuState.FPU, KvmIoctl.KVM_SET_FPU);
    writeIfThere(state, VcpuState.XCRS, KvmIoctl.KVM_SET_XCRS);
    writeIfThere(state, VcpuState.DEBUGREGS, KvmIoctl.KVM_SET_DEBUGREGS);
    // Before the MSRs: the TSC deadline is taken only in the LAPIC timer's deadline mode.
    writeIfThere(state, VcpuState.LAPIC, KvmIoctl.KVM_SET_LAPIC);
    Msrs.write(fd, state.part(VcpuState.MSRS));
    // After SREGS and LAPIC, which can wake a halted vCPU as a side effect.
    writeIfThere(state, VcpuState.MP_STATE, KvmIoctl.KVM_SET_MP_STATE);
    // Last: setting REGS drops pending exceptions, and SREGS and LAPIC touch interrupts.
    writeIfThere(state, VcpuState.EVENTS, KvmIoctl.KVM_SET_VCPU_EVENTS);
  }

  private void restoreTscKhz(byte[] part) throws SyscallException {
    NamedParts.requireSize(VcpuState.TSC_KHZ, part, TSC_KHZ_BYTES);
    int wanted = ByteBuffer.wrap(part).order(ByteOrder.LITTLE_ENDIAN).getInt();
    // Set only where it differs: a host without TSC scaling refuses any value but its own.
    if (!features.tscKhz() || KvmIoctl.KVM_GET_TSC_KHZ.call(fd, 0) != wanted) {
      KvmIoctl.KVM_SET_TSC_KHZ.call(fd, wanted);
    }
  }

  private void writeIfThere(VcpuState state, String name, KvmIoctl request)
      throws SyscallException {
    if (state.has(name)) {
      write(state, name, request);
    }
  }

  private void write(VcpuState state, String name, KvmIoctl request) throws SyscallException {
    Structs.write(fd, request, state.part(name), name);
  }

  private static byte[] u32(int value) {
    byte[] bytes = new byte[Integer.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(value);
    return bytes;
  }
}
