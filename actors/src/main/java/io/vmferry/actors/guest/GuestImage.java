package io.vmferry.actors.guest;

import io.vmferry.kvm.KvmVcpu;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;

/** A program for a new guest: what goes into its memory, and where its vCPUs begin. */
public interface GuestImage {

  /**
   * Writes the program into fresh (zeroed) guest memory.
   *
   * @throws IllegalArgumentException if the memory is smaller than the image was made for
   */
  void load(GuestMemory memory);

  /**
   * Where a vCPU begins.
   *
   * @param vcpu number from 0; also its local APIC id
   * @throws IllegalArgumentException if the image was made for fewer vCPUs
   */
  VcpuBoot bootState(int vcpu);

  /**
   * Puts a new vCPU into its boot state; CPUID must have been set before. Call on the vCPU's
   * thread.
   *
   * @throws IOException if KVM refuses a register
   */
  default void apply(KvmVcpu vcpu, int vcpuId) throws IOException {
    BootRegisters.apply(vcpu, bootState(vcpuId));
  }
}
