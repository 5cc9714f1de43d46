package io.vmferry.actors;

import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.VcpuKick;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The host's KVM descriptor, opened when it is first needed. Thread-safe. */
final class KvmAccess implements AutoCloseable {
  private @Nullable KvmSystem system;

  /**
   * The descriptor.
   *
   * @throws IOException with one sentence for the user if this host has no usable KVM
   */
  synchronized KvmSystem get() throws IOException {
    KvmSystem open = system;
    if (open == null) {
      VcpuKick.install();
      open = KvmSystem.open();
      system = open;
    }
    return open;
  }

  @Override
  public synchronized void close() {
    if (system != null) {
      system.close();
      system = null;
    }
  }
}
