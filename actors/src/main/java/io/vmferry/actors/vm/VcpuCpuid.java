package io.vmferry.actors.vm;

import io.vmferry.kvm.CpuidEntry;
import java.util.List;

/**
 * What CPUID tells one vCPU: the machine's leaves, in which KVM left the host processor's own APIC
 * id, with the id that this vCPU has. A kernel that finds another id there than in the APIC and the
 * firmware's table takes the processor for a broken one.
 *
 * <p>Source: Intel SDM volume 2, CPUID, leaves 1, 0xB and 0x1F; AMD APM volume 3, appendix E, leaf
 * 0x8000001E.
 */
final class VcpuCpuid {
  private static final int FEATURES = 1;
  private static final int TOPOLOGY = 0xB;
  private static final int TOPOLOGY_V2 = 0x1F;
  private static final int AMD_TOPOLOGY = 0x8000_001E;
  private static final int APIC_ID_SHIFT = 24;
  private static final int BELOW_APIC_ID = (1 << APIC_ID_SHIFT) - 1;
  private static final int HYPERVISOR = 1 << 31;

  private VcpuCpuid() {}

  /**
   * The leaves of one vCPU.
   *
   * @param apicId the vCPU's index, as KVM numbers its local APICs
   */
  static List<CpuidEntry> of(List<CpuidEntry> machine, int apicId) {
    return machine.stream().map(entry -> of(entry, apicId)).toList();
  }

  private static CpuidEntry of(CpuidEntry entry, int apicId) {
    int eax = entry.eax();
    int ebx = entry.ebx();
    int ecx = entry.ecx();
    int edx = entry.edx();
    switch (entry.function()) {
      case FEATURES -> {
        ebx = (ebx & BELOW_APIC_ID) | (apicId << APIC_ID_SHIFT);
        // Tells the guest to look at the leaves from 0x40000000, where KVM names itself.
        ecx |= HYPERVISOR;
      }
      case TOPOLOGY, TOPOLOGY_V2 -> edx = apicId;
      case AMD_TOPOLOGY -> eax = apicId;
      default -> {}
    }
    return new CpuidEntry(entry.function(), entry.index(), entry.flags(), eax, ebx, ecx, edx);
  }
}
