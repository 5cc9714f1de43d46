package io.vmferry.kvm;

/**
 * Capability numbers for {@link KvmSystem#extension} and {@link KvmVm#extension}.
 *
 * <p>Source: include/uapi/linux/kvm.h, KVM_CAP_*.
 */
public final class KvmCap {
  /** In-kernel interrupt controllers. */
  public static final int IRQCHIP = 0;

  /** Guest memory from user mappings. */
  public static final int USER_MEMORY = 3;

  /** KVM_SET_TSS_ADDR. */
  public static final int SET_TSS_ADDR = 4;

  /** The recommended number of vCPUs of one VM. */
  public static final int NR_VCPUS = 9;

  /** The number of memslots of one VM. */
  public static final int NR_MEMSLOTS = 10;

  /** KVM_GET_MP_STATE. */
  public static final int MP_STATE = 14;

  /** Memory changed in the process appears in the guest, which userfaultfd needs. */
  public static final int SYNC_MMU = 16;

  /** KVM_CREATE_PIT2. */
  public static final int PIT2 = 33;

  /** KVM_GET_PIT2. */
  public static final int PIT_STATE2 = 35;

  /** KVM_GET_CLOCK; the result has the flags that KVM_SET_CLOCK takes. */
  public static final int ADJUST_CLOCK = 39;

  /** KVM_GET_VCPU_EVENTS. */
  public static final int VCPU_EVENTS = 41;

  /** KVM_GET_DEBUGREGS. */
  public static final int DEBUGREGS = 50;

  /** KVM_GET_XSAVE. */
  public static final int XSAVE = 55;

  /** KVM_GET_XCRS. */
  public static final int XCRS = 56;

  /** KVM_SET_TSC_KHZ: the guest's TSC frequency can differ from the host's. */
  public static final int TSC_CONTROL = 60;

  /** KVM_GET_TSC_KHZ. */
  public static final int GET_TSC_KHZ = 61;

  /** The greatest number of vCPUs of one VM. */
  public static final int MAX_VCPUS = 66;

  /** The TSC deadline mode of the local APIC timer. */
  public static final int TSC_DEADLINE_TIMER = 72;

  /** The immediate_exit byte of kvm_run. */
  public static final int IMMEDIATE_EXIT = 136;

  /** KVM_CLEAR_DIRTY_LOG; the result has the flags that can be enabled. */
  public static final int MANUAL_DIRTY_LOG_PROTECT2 = 168;

  /** KVM_GET_XSAVE2; the result on a VM is the size of its xsave state in bytes, 0 if absent. */
  public static final int XSAVE2 = 208;

  private KvmCap() {}
}
