package io.vmferry.streams.sandbox;

import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.sandbox.Seccomp;
import io.vmferry.kvm.sandbox.SeccompMode;
import java.io.UncheckedIOException;

/** A daemon thread that fences itself in before it does anything else. */
final class FencedThread extends Thread {
  private final SandboxRole role;
  private final SeccompMode mode;

  FencedThread(SandboxRole role, SeccompMode mode, String name, Runnable work) {
    super(work, name);
    this.role = role;
    this.mode = mode;
    setDaemon(true);
    Outside.begin(); // by a thread that may
  }

  @Override
  public void run() {
    try {
      Seccomp.confine(role, mode);
    } catch (SyscallException e) {
      // Only for want of memory: the sandbox was found to work. Rather no work than unfenced work.
      throw new UncheckedIOException(e);
    }
    super.run();
  }
}
