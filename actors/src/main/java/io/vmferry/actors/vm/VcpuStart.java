package io.vmferry.actors.vm;

import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.KvmVcpu;
import io.vmferry.kvm.VcpuState;
import java.io.IOException;
import java.util.List;

/** How a new vCPU gets its registers: as a guest image wants them, or as they were elsewhere. */
sealed interface VcpuStart {

  /** Puts the vCPU, fresh from KVM, into its first state. Called on the vCPU's own thread. */
  void apply(KvmVcpu vcpu, List<CpuidEntry> cpuid, int index) throws IOException;

  /** Boots an image. */
  record Boot(VcpuBooter image) implements VcpuStart {
    @Override
    public void apply(KvmVcpu vcpu, List<CpuidEntry> cpuid, int index) throws IOException {
      vcpu.setCpuid(VcpuCpuid.of(cpuid, index));
      image.boot(vcpu, index);
    }
  }

  /** Goes on from a state saved elsewhere. */
  record Restore(List<VcpuState> states) implements VcpuStart {
    /** Copies the list. */
    public Restore {
      states = List.copyOf(states);
    }

    @Override
    public void apply(KvmVcpu vcpu, List<CpuidEntry> cpuid, int index) throws IOException {
      vcpu.setCpuid(VcpuCpuid.of(cpuid, index));
      vcpu.restoreState(states.get(index));
    }
  }

  /** Sets the boot registers of one vCPU. */
  @FunctionalInterface
  interface VcpuBooter {
    void boot(KvmVcpu vcpu, int index) throws IOException;
  }
}
