package io.vmferry.kvm;

/**
 * Why {@link KvmVcpu#run} came back.
 *
 * <p>Source: include/uapi/linux/kvm.h, KVM_EXIT_*.
 */
public enum Exit {
  /** Port input or output; serve it through the {@code io...} accessors before the next run. */
  IO,
  /** Access to a guest physical address without memory; the {@code mmio...} accessors. */
  MMIO,
  /** The guest executed HLT and there is no in-kernel irqchip that would wait for it. */
  HLT,
  /** Triple fault or another state that only a reset leaves. */
  SHUTDOWN,
  /** A kick or {@link KvmVcpu#setImmediateExit} took effect; no guest request is open. */
  INTERRUPTED,
  /** The processor refused the guest's state; {@link KvmVcpu#errorDetail} says how. */
  FAIL_ENTRY,
  /** KVM gave up, most often on an instruction it cannot emulate; see the detail. */
  INTERNAL_ERROR,
  /** The guest asked for shutdown or reset, or crashed; see the detail. */
  SYSTEM_EVENT,
  /** The guest touched memory the process cannot provide; see the detail. */
  MEMORY_FAULT,
  /** The guest can take an interrupt now; asked for with a VM without irqchip. */
  IRQ_WINDOW_OPEN,
  /** An end of interrupt for a vector of a user-space IOAPIC. */
  IOAPIC_EOI,
  /** A debug event of guest debugging. */
  DEBUG,
  /** An exit that this module never asks for; {@link KvmVcpu#exitReason} has the number. */
  UNKNOWN;

  /** The exit for a KVM_EXIT_* number. */
  static Exit of(int reason) {
    return switch (reason) {
      case 2 -> IO;
      case 4 -> DEBUG;
      case 5 -> HLT;
      case 6 -> MMIO;
      case 7 -> IRQ_WINDOW_OPEN;
      case 8 -> SHUTDOWN;
      case 9 -> FAIL_ENTRY;
      case 10 -> INTERRUPTED;
      case 17 -> INTERNAL_ERROR;
      case 24 -> SYSTEM_EVENT;
      case 26 -> IOAPIC_EOI;
      case 39 -> MEMORY_FAULT;
      default -> UNKNOWN;
    };
  }
}
