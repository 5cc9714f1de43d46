package io.vmferry.actors.machine;

import io.vmferry.actors.device.PortBus;
import io.vmferry.actors.device.Serial16550;
import io.vmferry.kvm.CpuidEntry;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.KvmVm;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.VcpuState;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.Phaser;

/**
 * One virtual machine below the actors: the KVM descriptor, guest memory, and the emulated devices.
 *
 * <p>vCPU threads dispatch their exits here; the devices lock themselves. {@link #close} waits
 * until every thread that {@link #enter}ed has left, then frees all.
 */
public final class Machine implements AutoCloseable {
  /** What runs the vCPUs. */
  public static final String HYPERVISOR = "kvm";

  // Source: Documentation/virt/kvm/api.rst, 4.35 and 4.36: below 4 GiB, outside every memslot; the
  // identity map takes one page, the TSS three.
  private static final long IDENTITY_MAP_ADDRESS = 0xfffb_c000L;
  private static final long TSS_ADDRESS = 0xfffb_d000L;

  private final String name;
  private final KvmVm kvm;
  private final GuestMemory memory;
  private final List<CpuidEntry> cpuid;
  private final Console console = new Console();
  private final PortBus ports;
  private final Serial16550 serial;
  // One party is the machine itself; close waits for the rest.
  private final Phaser users = new Phaser(1);
  private volatile boolean resetAsked;
  private boolean closed;

  private Machine(String name, KvmVm kvm, GuestMemory memory, List<CpuidEntry> cpuid) {
    this.name = name;
    this.kvm = kvm;
    this.memory = memory;
    this.cpuid = cpuid;
    this.serial = new Serial16550(this::setSerialIrq, console::accept);
    this.ports =
        new PortBus(() -> resetAsked = true).add(Serial16550.COM1_PORT, Serial16550.PORTS, serial);
  }

  /**
   * Makes a virtual machine over {@code memory}, which it owns from here on, also if this fails.
   *
   * @param cpuid what the guest sees of the CPU
   * @throws IOException if KVM refuses
   */
  public static Machine create(
      KvmSystem system, String name, GuestMemory memory, List<CpuidEntry> cpuid)
      throws IOException {
    KvmVm kvm;
    try {
      kvm = system.createVm();
    } catch (IOException e) {
      memory.close();
      throw e;
    }
    try {
      kvm.setTssAddress(TSS_ADDRESS);
      kvm.setIdentityMapAddress(IDENTITY_MAP_ADDRESS);
      kvm.createIrqchip();
      kvm.createPit();
      kvm.enableManualDirtyLog();
      for (GuestRegion region : memory.regions()) {
        kvm.setMemslot(
            region.slot(), region.base(), region.sizeBytes(), region.mapping().hva(), false);
      }
      return new Machine(name, kvm, memory, List.copyOf(cpuid));
    } catch (IOException | RuntimeException e) {
      kvm.close();
      memory.close();
      throw e;
    }
  }

  /** The guest's name, for threads and logs. */
  public String name() {
    return name;
  }

  /** The KVM descriptor. */
  public KvmVm kvm() {
    return kvm;
  }

  /** Guest RAM. */
  public GuestMemory memory() {
    return memory;
  }

  /** What the guest sees of the CPU. */
  public List<CpuidEntry> cpuid() {
    return cpuid;
  }

  /** Port I/O devices. */
  public PortBus ports() {
    return ports;
  }

  /** Serial output. */
  public Console console() {
    return console;
  }

  /** Whether the guest has asked for a reset through a port. */
  public boolean resetAsked() {
    return resetAsked;
  }

  /** A thread announces that it uses the machine until {@link #leave}. */
  public void enter() {
    users.register();
  }

  /** The thread is done. */
  public void leave() {
    users.arriveAndDeregister();
  }

  /**
   * Saves interrupt controllers, clock and devices beside the vCPUs' states; every vCPU is paused.
   *
   * @throws SyscallException if KVM refuses
   */
  public MachineState save(List<VcpuState> vcpus) throws SyscallException {
    return new MachineState(vcpus, kvm.saveState(), serial.save());
  }

  /**
   * Restores interrupt controllers, clock and devices; the vCPUs exist and have their states.
   *
   * @throws SyscallException if KVM refuses
   */
  public void restore(MachineState state) throws SyscallException {
    kvm.restoreState(state.vm());
    serial.restore(state.serial());
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    users.arriveAndAwaitAdvance();
    kvm.close();
    memory.close();
  }

  private void setSerialIrq(boolean high) {
    try {
      kvm.setIrqLine(Serial16550.COM1_GSI, high);
    } catch (SyscallException e) {
      throw new UncheckedIOException(e);
    }
  }
}
