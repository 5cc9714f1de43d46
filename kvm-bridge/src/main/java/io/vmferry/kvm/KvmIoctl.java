package io.vmferry.kvm;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * The ioctl requests of the KVM API that this module makes.
 *
 * <p>A request number packs direction (bits 30-31: 1 write, 2 read, 3 both), argument size (bits
 * 16-29), type 0xAE (bits 8-15) and number (bits 0-7). Source of every number:
 * include/uapi/linux/kvm.h; of the sizes also arch/x86/include/uapi/asm/kvm.h.
 */
enum KvmIoctl {
  // System.
  KVM_GET_API_VERSION(0xae00L), // _IO(KVMIO, 0x00)
  KVM_CREATE_VM(0xae01L), // _IO(KVMIO, 0x01), argument: machine type, 0
  KVM_GET_MSR_INDEX_LIST(0xc004_ae02L), // _IOWR(KVMIO, 0x02, struct kvm_msr_list), 4 bytes
  KVM_CHECK_EXTENSION(0xae03L), // _IO(KVMIO, 0x03), argument: capability
  KVM_GET_VCPU_MMAP_SIZE(0xae04L), // _IO(KVMIO, 0x04)
  KVM_GET_SUPPORTED_CPUID(0xc008_ae05L), // _IOWR(KVMIO, 0x05, struct kvm_cpuid2), 8 bytes

  // Virtual machine.
  KVM_CREATE_VCPU(0xae41L), // _IO(KVMIO, 0x41), argument: vCPU id
  KVM_GET_DIRTY_LOG(0x4010_ae42L), // _IOW(KVMIO, 0x42, struct kvm_dirty_log), 16 bytes
  // _IOW(KVMIO, 0x46, struct kvm_userspace_memory_region), 32 bytes
  KVM_SET_USER_MEMORY_REGION(0x4020_ae46L),
  KVM_SET_TSS_ADDR(0xae47L), // _IO(KVMIO, 0x47), argument: guest physical address
  KVM_SET_IDENTITY_MAP_ADDR(0x4008_ae48L), // _IOW(KVMIO, 0x48, __u64), 8 bytes
  KVM_CREATE_IRQCHIP(0xae60L), // _IO(KVMIO, 0x60)
  KVM_IRQ_LINE(0x4008_ae61L), // _IOW(KVMIO, 0x61, struct kvm_irq_level), 8 bytes
  KVM_GET_IRQCHIP(0xc208_ae62L), // _IOWR(KVMIO, 0x62, struct kvm_irqchip), 520 bytes
  KVM_SET_IRQCHIP(0x8208_ae63L), // _IOR(KVMIO, 0x63, struct kvm_irqchip), 520 bytes
  KVM_CREATE_PIT2(0x4040_ae77L), // _IOW(KVMIO, 0x77, struct kvm_pit_config), 64 bytes
  KVM_SET_CLOCK(0x4030_ae7bL), // _IOW(KVMIO, 0x7b, struct kvm_clock_data), 48 bytes
  KVM_GET_CLOCK(0x8030_ae7cL), // _IOR(KVMIO, 0x7c, struct kvm_clock_data), 48 bytes
  KVM_GET_PIT2(0x8070_ae9fL), // _IOR(KVMIO, 0x9f, struct kvm_pit_state2), 112 bytes
  KVM_SET_PIT2(0x4070_aea0L), // _IOW(KVMIO, 0xa0, struct kvm_pit_state2), 112 bytes
  KVM_ENABLE_CAP(0x4068_aea3L), // _IOW(KVMIO, 0xa3, struct kvm_enable_cap), 104 bytes
  KVM_CLEAR_DIRTY_LOG(0xc018_aec0L), // _IOWR(KVMIO, 0xc0, struct kvm_clear_dirty_log), 24 bytes

  // Virtual CPU.
  KVM_RUN(0xae80L), // _IO(KVMIO, 0x80)
  KVM_GET_REGS(0x8090_ae81L), // _IOR(KVMIO, 0x81, struct kvm_regs), 144 bytes
  KVM_SET_REGS(0x4090_ae82L), // _IOW(KVMIO, 0x82, struct kvm_regs), 144 bytes
  KVM_GET_SREGS(0x8138_ae83L), // _IOR(KVMIO, 0x83, struct kvm_sregs), 312 bytes
  KVM_SET_SREGS(0x4138_ae84L), // _IOW(KVMIO, 0x84, struct kvm_sregs), 312 bytes
  KVM_GET_MSRS(0xc008_ae88L), // _IOWR(KVMIO, 0x88, struct kvm_msrs), 8 bytes and entries
  KVM_SET_MSRS(0x4008_ae89L), // _IOW(KVMIO, 0x89, struct kvm_msrs), 8 bytes and entries
  KVM_GET_FPU(0x81a0_ae8cL), // _IOR(KVMIO, 0x8c, struct kvm_fpu), 416 bytes
  KVM_SET_FPU(0x41a0_ae8dL), // _IOW(KVMIO, 0x8d, struct kvm_fpu), 416 bytes
  KVM_GET_LAPIC(0x8400_ae8eL), // _IOR(KVMIO, 0x8e, struct kvm_lapic_state), 1024 bytes
  KVM_SET_LAPIC(0x4400_ae8fL), // _IOW(KVMIO, 0x8f, struct kvm_lapic_state), 1024 bytes
  KVM_SET_CPUID2(0x4008_ae90L), // _IOW(KVMIO, 0x90, struct kvm_cpuid2), 8 bytes and entries
  KVM_GET_CPUID2(0xc008_ae91L), // _IOWR(KVMIO, 0x91, struct kvm_cpuid2), 8 bytes and entries
  KVM_GET_MP_STATE(0x8004_ae98L), // _IOR(KVMIO, 0x98, struct kvm_mp_state), 4 bytes
  KVM_SET_MP_STATE(0x4004_ae99L), // _IOW(KVMIO, 0x99, struct kvm_mp_state), 4 bytes
  KVM_GET_VCPU_EVENTS(0x8040_ae9fL), // _IOR(KVMIO, 0x9f, struct kvm_vcpu_events), 64 bytes
  KVM_SET_VCPU_EVENTS(0x4040_aea0L), // _IOW(KVMIO, 0xa0, struct kvm_vcpu_events), 64 bytes
  KVM_GET_DEBUGREGS(0x8080_aea1L), // _IOR(KVMIO, 0xa1, struct kvm_debugregs), 128 bytes
  KVM_SET_DEBUGREGS(0x4080_aea2L), // _IOW(KVMIO, 0xa2, struct kvm_debugregs), 128 bytes
  KVM_SET_TSC_KHZ(0xaea2L), // _IO(KVMIO, 0xa2), argument: kHz
  KVM_GET_TSC_KHZ(0xaea3L), // _IO(KVMIO, 0xa3)
  KVM_GET_XSAVE(0x9000_aea4L), // _IOR(KVMIO, 0xa4, struct kvm_xsave), 4096 bytes
  KVM_SET_XSAVE(0x5000_aea5L), // _IOW(KVMIO, 0xa5, struct kvm_xsave), 4096 bytes or more
  KVM_GET_XCRS(0x8188_aea6L), // _IOR(KVMIO, 0xa6, struct kvm_xcrs), 392 bytes
  KVM_SET_XCRS(0x4188_aea7L), // _IOW(KVMIO, 0xa7, struct kvm_xcrs), 392 bytes
  KVM_KVMCLOCK_CTRL(0xaeadL), // _IO(KVMIO, 0xad)
  KVM_GET_XSAVE2(0x9000_aecfL); // _IOR(KVMIO, 0xcf, struct kvm_xsave), 4096 bytes or more

  private final long request;

  KvmIoctl(long request) {
    this.request = request;
  }

  long request() {
    return request;
  }

  /** The size in bytes of the argument's fixed part, 0 for a request without a struct. */
  int argumentBytes() {
    return (int) (request >>> 16) & 0x3fff;
  }

  /** Makes the call, again after a signal, and returns its result, which is not negative. */
  int call(OwnedFd fd, long argument) throws SyscallException {
    while (true) {
      int result = KvmCalls.ioctl(fd.raw(), request(), argument);
      if (result >= 0) {
        return result;
      }
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        throw failure(fd, errno, "");
      }
    }
  }

  /** As {@link #call(OwnedFd, long)}, for a request that takes a struct. */
  int call(OwnedFd fd, Pointer argument) throws SyscallException {
    return call(fd, argument, "");
  }

  /** As {@link #call(OwnedFd, Pointer)}; {@code details} (", slot=3") go into the error. */
  int call(OwnedFd fd, Pointer argument, String details) throws SyscallException {
    while (true) {
      int result = KvmCalls.ioctl(fd.raw(), request(), argument);
      if (result >= 0) {
        return result;
      }
      int errno = Native.getLastError();
      if (errno != Errno.EINTR) {
        throw failure(fd, errno, details);
      }
    }
  }

  SyscallException failure(OwnedFd fd, int errno, String details) {
    return new SyscallException("ioctl(" + name() + ", " + fd + details + ")", errno);
  }
}
