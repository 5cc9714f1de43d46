package io.vmferry.kvm;

/**
 * What state the kernel keeps for a vCPU of one machine.
 *
 * @param irqchip whether there is an in-kernel local APIC
 * @param xsaveBytes size of the xsave state, 0 if only the FPU's can be had
 * @param xsave2 whether KVM_GET_XSAVE2 reads it
 */
record VcpuFeatures(
    boolean irqchip,
    boolean mpState,
    int xsaveBytes,
    boolean xsave2,
    boolean xcrs,
    boolean events,
    boolean debugRegs,
    boolean tscKhz) {
  // Source: arch/x86/include/uapi/asm/kvm.h, sizeof(struct kvm_xsave) without the extra part.
  static final int XSAVE_BYTES = 4096;

  static VcpuFeatures of(KvmVm vm, boolean irqchip) throws SyscallException {
    int xsave2Bytes = vm.extension(KvmCap.XSAVE2);
    boolean xsave = vm.extension(KvmCap.XSAVE) != 0;
    return new VcpuFeatures(
        irqchip,
        vm.extension(KvmCap.MP_STATE) != 0,
        xsave ? Math.max(XSAVE_BYTES, xsave2Bytes) : 0,
        xsave2Bytes > 0,
        vm.extension(KvmCap.XCRS) != 0,
        vm.extension(KvmCap.VCPU_EVENTS) != 0,
        vm.extension(KvmCap.DEBUGREGS) != 0,
        vm.extension(KvmCap.GET_TSC_KHZ) != 0);
  }
}
