package io.vmferry.kvm;

import java.util.Map;
import java.util.Set;

/**
 * Everything KVM keeps for one vCPU, as the kernel's own structs by name. Immutable; arrays are
 * copied in and out.
 *
 * <p>Parts: {@code CPUID} (kvm_cpuid2), {@code REGS}, {@code SREGS}, {@code XSAVE} or, where KVM
 * has no xsave, {@code FPU}, {@code XCRS}, {@code MSRS} (16 bytes each: u32 index, u32 zero, u64
 * value), {@code LAPIC}, {@code MP_STATE}, {@code EVENTS}, {@code DEBUGREGS}, {@code TSC_KHZ}
 * (u32). Parts that the source's KVM does not have are absent.
 */
public final class VcpuState {
  static final String CPUID = "CPUID";
  static final String REGS = "REGS";
  static final String SREGS = "SREGS";
  static final String XSAVE = "XSAVE";
  static final String FPU = "FPU";
  static final String XCRS = "XCRS";
  static final String MSRS = "MSRS";
  static final String LAPIC = "LAPIC";
  static final String MP_STATE = "MP_STATE";
  static final String EVENTS = "EVENTS";
  static final String DEBUGREGS = "DEBUGREGS";
  static final String TSC_KHZ = "TSC_KHZ";

  private static final Set<String> KNOWN =
      Set.of(
          CPUID, REGS, SREGS, XSAVE, FPU, XCRS, MSRS, LAPIC, MP_STATE, EVENTS, DEBUGREGS, TSC_KHZ);
  private static final Set<String> REQUIRED = Set.of(REGS, SREGS, MSRS);

  private final NamedParts parts;

  private VcpuState(NamedParts parts) {
    this.parts = parts;
  }

  /**
   * A state from its parts, such as a peer sent.
   *
   * @throws IllegalArgumentException if a part is not known, or REGS, SREGS or MSRS is missing
   */
  public static VcpuState of(Map<String, byte[]> parts) {
    return new VcpuState(new NamedParts("vCPU", parts, KNOWN, REQUIRED));
  }

  /** Copies of all parts by name. */
  public Map<String, byte[]> parts() {
    return parts.copy();
  }

  boolean has(String name) {
    return parts.has(name);
  }

  byte[] part(String name) {
    return parts.get(name);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof VcpuState that && parts.equals(that.parts);
  }

  @Override
  public int hashCode() {
    return parts.hashCode();
  }

  @Override
  public String toString() {
    return "VcpuState" + parts;
  }
}
