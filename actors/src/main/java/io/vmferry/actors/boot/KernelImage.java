package io.vmferry.actors.boot;

import io.vmferry.actors.guest.GuestImage;
import io.vmferry.actors.guest.VcpuBoot;
import io.vmferry.kvm.memory.GuestMemory;

/** A kernel that {@link KernelLoader} has put into memory. */
final class KernelImage implements GuestImage {
  private final VcpuBoot first;
  private final int vcpus;

  KernelImage(VcpuBoot first, int vcpus) {
    this.first = first;
    this.vcpus = vcpus;
  }

  /** Does nothing: the loader needed the memory to find the places, and has written it. */
  @Override
  public void load(GuestMemory memory) {}

  /** The first vCPU enters the kernel, which wakes the others with INIT and SIPI. */
  @Override
  public VcpuBoot bootState(int vcpu) {
    if (vcpu < 0 || vcpu >= vcpus) {
      throw new IllegalArgumentException("vCPU " + vcpu + " of an image for " + vcpus);
    }
    return vcpu == 0 ? first : VcpuBoot.waitForSipi();
  }
}
