package io.vmferry.daemon.bench;

import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.KvmVcpu;
import io.vmferry.kvm.KvmVm;
import java.io.IOException;

/** The clock of guests that are made on this host. */
final class GuestClock {
  private GuestClock() {}

  /** The frequency of their time stamp counters, in kHz. */
  static int khz() throws IOException {
    try (KvmSystem system = KvmSystem.open();
        KvmVm vm = system.createVm();
        KvmVcpu vcpu = vm.createVcpu(0)) {
      return vcpu.tscKhz();
    }
  }
}
