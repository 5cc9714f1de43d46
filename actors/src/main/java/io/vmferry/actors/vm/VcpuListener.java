package io.vmferry.actors.vm;

import io.vmferry.kvm.VcpuState;

/** What a vCPU's thread tells its actor. Every method is called on that thread. */
interface VcpuListener {
  /** The vCPU exists and has its first state. */
  void ready();

  /** It is about to enter the guest. */
  void running();

  /** It is outside the guest, its last I/O completed. */
  void paused();

  /** Its state, asked for while paused. */
  void saved(VcpuState state);

  /** The guest ended by itself. */
  void stopped(String why);

  /** It cannot go on. */
  void failed(Exception cause);

  /** The thread ends; the last word. */
  void ended();
}
