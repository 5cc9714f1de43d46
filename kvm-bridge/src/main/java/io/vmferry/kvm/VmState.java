package io.vmferry.kvm;

import java.util.Map;
import java.util.Set;

/**
 * What KVM keeps for the machine as a whole, as the kernel's own structs by name. Immutable; arrays
 * are copied in and out.
 *
 * <p>Parts: {@code PIC_MASTER}, {@code PIC_SLAVE}, {@code IOAPIC} (kvm_irqchip each), {@code PIT2}
 * (kvm_pit_state2), {@code CLOCK} (kvm_clock_data). A machine without irqchip or PIT lacks theirs.
 */
public final class VmState {
  static final String PIC_MASTER = "PIC_MASTER";
  static final String PIC_SLAVE = "PIC_SLAVE";
  static final String IOAPIC = "IOAPIC";
  static final String PIT2 = "PIT2";
  static final String CLOCK = "CLOCK";

  private static final Set<String> KNOWN = Set.of(PIC_MASTER, PIC_SLAVE, IOAPIC, PIT2, CLOCK);

  private final NamedParts parts;

  private VmState(NamedParts parts) {
    this.parts = parts;
  }

  /**
   * A state from its parts, such as a peer sent.
   *
   * @throws IllegalArgumentException if a part is not known or CLOCK is missing
   */
  public static VmState of(Map<String, byte[]> parts) {
    return new VmState(new NamedParts("machine", parts, KNOWN, Set.of(CLOCK)));
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
    return other instanceof VmState that && parts.equals(that.parts);
  }

  @Override
  public int hashCode() {
    return parts.hashCode();
  }

  @Override
  public String toString() {
    return "VmState" + parts;
  }
}
