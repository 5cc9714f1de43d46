package io.vmferry.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtual CPU: the run loop, its exits, and its state.
 *
 * <p>All calls belong to the thread that runs it, but for {@link #setImmediateExit} and {@link
 * #requestExit}, which any thread may make.
 *
 * @see <a href="https://docs.kernel.org/virt/kvm/api.html">KVM API, section 4, vCPU ioctls, and
 *     section 5, kvm_run</a>
 */
public final class KvmVcpu implements AutoCloseable {
  private static final int MAX_CPUID_ENTRIES = 256;

  private final int id;
  private final OwnedFd fd;
  private final RunPage page;
  private final int[] msrIndices;
  private final VcpuFeatures features;
  // Guards open and running against close from another thread: the page must not vanish under them.
  private final Object lifecycle = new Object();
  private volatile boolean open = true;
  private volatile boolean running;
  private volatile int runnerThreadId;
  private volatile Exit lastExit = Exit.UNKNOWN;
  private boolean ioPending;
  // The thread that runnerThreadId belongs to; only that thread finds itself here.
  private @Nullable Thread runner;

  KvmVcpu(int id, OwnedFd fd, RunPage page, int[] msrIndices, VcpuFeatures features) {
    this.id = id;
    this.fd = fd;
    this.page = page;
    this.msrIndices = msrIndices;
    this.features = features;
  }

  /** The number given at creation, which is also the APIC id. */
  public int id() {
    return id;
  }

  // ---- Running

  /**
   * Runs the guest until it needs something or is interrupted.
   *
   * <p>After {@link Exit#INTERRUPTED} clear the request with {@code setImmediateExit(false)} first
   * and look at the owner's queue then, or a request that comes in between is lost. An {@link
   * Exit#IO} or {@link Exit#MMIO} instruction completes on the next run, with the data set by then.
   *
   * @throws SyscallException EFAULT if the guest touched memory that is not mapped in this process;
   *     EINVAL if the vCPU's state is not valid
   */
  public Exit run() throws SyscallException {
    enter();
    try {
      lastExit = runOnce();
      ioPending = lastExit == Exit.IO || lastExit == Exit.MMIO;
      return lastExit;
    } finally {
      running = false;
    }
  }

  private Exit runOnce() throws SyscallException {
    while (true) {
      if (KvmCalls.ioctl(fd.raw(), KvmIoctl.KVM_RUN.request(), 0L) >= 0) {
        return Exit.of(page.exitReason());
      }
      int errno = Native.getLastError();
      if (errno == Errno.EINTR) {
        return Exit.INTERRUPTED;
      }
      if (errno == Errno.EFAULT && Exit.of(page.exitReason()) == Exit.MEMORY_FAULT) {
        return Exit.MEMORY_FAULT;
      }
      // EAGAIN: a vCPU waited for its start-up interrupt and got one. It runs on re-entry.
      if (errno != Errno.EAGAIN) {
        throw KvmIoctl.KVM_RUN.failure(fd, errno, ", vcpu=" + id);
      }
    }
  }

  private void enter() {
    synchronized (lifecycle) {
      requireOpen();
      if (running) {
        throw new IllegalStateException("vCPU " + id + " is run by another thread");
      }
      if (runner != Thread.currentThread()) {
        runner = Thread.currentThread();
        runnerThreadId = VcpuKick.currentThreadId();
      }
      // After the thread id: whoever sees running kicks the right thread. Whoever does not has set
      // the immediate exit flag before, under this lock, and KVM_RUN sees that.
      running = true;
    }
  }

  /** Whether a thread is in {@link #run} at this moment. Any thread. */
  public boolean isRunning() {
    return running;
  }

  /**
   * Makes the current or next {@link #run} return {@link Exit#INTERRUPTED} at once, or lets it run
   * again. Any thread. A run already in the guest notices only with a kick.
   */
  public void setImmediateExit(boolean on) {
    synchronized (lifecycle) {
      if (open) {
        page.setImmediateExit(on);
      }
    }
  }

  /**
   * Brings the running thread out of {@link #run}, or keeps it from entering: sets the immediate
   * exit flag, then kicks. Any thread; after {@link VcpuKick#install}.
   */
  public void requestExit() {
    setImmediateExit(true);
    if (running) {
      VcpuKick.kick(runnerThreadId);
    }
  }

  /**
   * Completes the instruction of the last {@link Exit#IO} or {@link Exit#MMIO}, whose data must be
   * set, without running any further. Needed before the state is saved: until then the guest's
   * registers are those of a half-done instruction.
   *
   * <p>Re-enters with {@code immediate_exit}, which is off afterwards: like after {@link
   * Exit#INTERRUPTED}, look at the owner's queue next.
   *
   * @return INTERRUPTED when nothing is open any more; IO or MMIO if the instruction has a further
   *     part, to be served before the next call
   */
  public Exit completePendingIo() throws SyscallException {
    if (!ioPending) {
      return Exit.INTERRUPTED;
    }
    setImmediateExit(true);
    try {
      return run();
    } finally {
      setImmediateExit(false);
    }
  }

  /** The KVM_EXIT_* number of the last run. */
  public int exitReason() {
    return page().exitReason();
  }

  /** The last exit in words, for an error message or a log. */
  public String errorDetail() {
    return "vCPU " + id + ": " + ExitDetail.of(lastExit, page());
  }

  // ---- Port I/O: valid after Exit.IO, until the next run

  /** The port. */
  public int ioPort() {
    return io().u16(RunPage.IO_PORT);
  }

  /** Whether the guest writes. */
  public boolean ioIsOut() {
    return io().u8(RunPage.IO_DIRECTION) == 1;
  }

  /** Bytes of one element: 1, 2 or 4. */
  public int ioSize() {
    return io().u8(RunPage.IO_SIZE);
  }

  /** Number of elements; more than 1 for string instructions. */
  public int ioCount() {
    return io().s32(RunPage.IO_COUNT);
  }

  /** Element {@code index} of an output, zero-extended from its size. */
  public int ioData(int index) {
    return io().ioData(index);
  }

  /** Sets element {@code index} of an input; the low bytes count. */
  public void setIoData(int index, int value) {
    io().setIoData(index, value);
  }

  // ---- MMIO: valid after Exit.MMIO, until the next run

  /** The guest physical address. */
  public Gpa mmioAddress() {
    return new Gpa(mmio().s64(RunPage.MMIO_ADDRESS));
  }

  /** Whether the guest writes. */
  public boolean mmioIsWrite() {
    return mmio().u8(RunPage.MMIO_IS_WRITE) != 0;
  }

  /** Number of bytes, 1 to 8. */
  public int mmioLength() {
    return mmio().s32(RunPage.MMIO_LENGTH);
  }

  /** The bytes of a write, little-endian, zero-extended. */
  public long mmioData() {
    int unusedBits = Long.SIZE - Byte.SIZE * mmioLength();
    return mmio().s64(RunPage.MMIO_DATA) << unusedBits >>> unusedBits;
  }

  /** Sets the answer of a read; the low bytes count. */
  public void setMmioData(long value) {
    mmio().putLong(RunPage.MMIO_DATA, value);
  }

  private RunPage io() {
    requireExit(Exit.IO);
    return page();
  }

  private RunPage mmio() {
    requireExit(Exit.MMIO);
    return page();
  }

  private void requireExit(Exit expected) {
    if (lastExit != expected) {
      throw new IllegalStateException("the last exit was " + lastExit + ", not " + expected);
    }
  }

  // ---- State

  /** The general registers. */
  public VcpuRegs regs() throws SyscallException {
    return VcpuRegs.decode(Structs.read(fd, KvmIoctl.KVM_GET_REGS, VcpuRegs.BYTES));
  }

  /** Sets the general registers; drops a pending exception. */
  public void setRegs(VcpuRegs regs) throws SyscallException {
    Structs.write(fd, KvmIoctl.KVM_SET_REGS, regs.toBytes(), VcpuState.REGS);
  }

  /** A copy of the segment, table and control registers. */
  public Sregs sregs() throws SyscallException {
    return new Sregs(Structs.read(fd, KvmIoctl.KVM_GET_SREGS, Sregs.BYTES));
  }

  /**
   * Sets the segment, table and control registers.
   *
   * @throws SyscallException EINVAL for a combination that a processor does not have
   */
  public void setSregs(Sregs sregs) throws SyscallException {
    Structs.write(fd, KvmIoctl.KVM_SET_SREGS, sregs.toBytes(), VcpuState.SREGS);
  }

  /**
   * Makes a vCPU that was created waiting for INIT and a start-up interrupt (every one but the
   * first) run from the registers it has. Source: api.rst, 4.39 KVM_SET_MP_STATE,
   * KVM_MP_STATE_RUNNABLE.
   */
  public void makeRunnable() throws SyscallException {
    byte[] runnable = new byte[VcpuStateIo.MP_STATE_BYTES];
    Structs.write(fd, KvmIoctl.KVM_SET_MP_STATE, runnable, VcpuState.MP_STATE);
  }

  /**
   * Sets what CPUID answers, before the first run.
   *
   * @throws SyscallException EINVAL after the first run if it differs; E2BIG for too many entries
   */
  public void setCpuid(List<CpuidEntry> entries) throws SyscallException {
    try (Memory table = new Memory(CpuidEntry.tableBytes(entries.size()))) {
      CpuidEntry.writeTable(entries, table);
      KvmIoctl.KVM_SET_CPUID2.call(fd, table);
    }
  }

  /** What CPUID answers. */
  public List<CpuidEntry> cpuid() throws SyscallException {
    try (Memory table = readCpuid()) {
      return CpuidEntry.readTable(table);
    }
  }

  private Memory readCpuid() throws SyscallException {
    Memory table = new Memory(CpuidEntry.tableBytes(MAX_CPUID_ENTRIES));
    try {
      table.clear();
      table.setInt(0, MAX_CPUID_ENTRIES);
      KvmIoctl.KVM_GET_CPUID2.call(fd, table);
      return table;
    } catch (SyscallException e) {
      table.close();
      throw e;
    }
  }

  /** The frequency of the guest's TSC in kHz. */
  public int tscKhz() throws SyscallException {
    return KvmIoctl.KVM_GET_TSC_KHZ.call(fd, 0);
  }

  /**
   * Sets the frequency of the guest's TSC.
   *
   * @throws SyscallException EINVAL if the host cannot scale to it
   */
  public void setTscKhz(int khz) throws SyscallException {
    KvmIoctl.KVM_SET_TSC_KHZ.call(fd, khz);
  }

  /**
   * Tells a guest with kvmclock, by a flag that it reads with the clock, that it was paused: its
   * watchdogs then forgive the gap.
   *
   * @return false if the guest does not use kvmclock
   */
  public boolean notifyPaused() throws SyscallException {
    try {
      KvmIoctl.KVM_KVMCLOCK_CTRL.call(fd, 0);
      return true;
    } catch (SyscallException e) {
      if (e.errno() == Errno.EINVAL) {
        return false;
      }
      throw e;
    }
  }

  /**
   * Saves everything KVM keeps for this vCPU. An open port or memory access is completed first; its
   * data must be set.
   *
   * @throws IllegalStateException if the open instruction needs another answer of a device: serve
   *     it through {@link #completePendingIo} first
   */
  public VcpuState saveState() throws SyscallException {
    if (completePendingIo() != Exit.INTERRUPTED) {
      throw new IllegalStateException("an access is open: " + errorDetail());
    }
    byte[] cpuid;
    try (Memory table = readCpuid()) {
      cpuid = table.getByteArray(0, (int) CpuidEntry.tableBytes(table.getInt(0)));
    }
    return new VcpuStateIo(fd, features, msrIndices).save(cpuid);
  }

  /**
   * Restores a saved state, CPUID included. The vCPU should not have run yet.
   *
   * @throws IllegalArgumentException if a part has another size than this kernel's struct
   * @throws SyscallException EINVAL if KVM here refuses a value; the message names an MSR
   */
  public void restoreState(VcpuState state) throws SyscallException {
    if (state.has(VcpuState.CPUID)) {
      restoreCpuid(state.part(VcpuState.CPUID));
    }
    new VcpuStateIo(fd, features, msrIndices).restore(state);
    ioPending = false;
  }

  private void restoreCpuid(byte[] part) throws SyscallException {
    if (part.length < CpuidEntry.HEADER_BYTES) {
      throw new IllegalArgumentException("state part CPUID has " + part.length + " bytes");
    }
    int entries = ByteBuffer.wrap(part).order(ByteOrder.LITTLE_ENDIAN).getInt();
    if (entries < 0 || entries > MAX_CPUID_ENTRIES) {
      throw new IllegalArgumentException("state part CPUID has " + entries + " entries");
    }
    if (entries == 0) {
      return; // the source set none
    }
    Structs.write(
        fd, KvmIoctl.KVM_SET_CPUID2, part, VcpuState.CPUID, (int) CpuidEntry.tableBytes(entries));
  }

  // ---- End

  private RunPage page() {
    requireOpen();
    return page;
  }

  private void requireOpen() {
    if (!open) {
      throw new IllegalStateException("vCPU " + id + " is closed");
    }
  }

  /**
   * Unmaps kvm_run and gives the descriptor up. Closing twice is harmless.
   *
   * @throws IllegalStateException if a thread is in {@link #run}: bring it out first
   */
  @Override
  public void close() {
    synchronized (lifecycle) {
      if (running) {
        throw new IllegalStateException("vCPU " + id + " is running: request its exit first");
      }
      if (open) {
        open = false;
        page.unmap();
        fd.close();
      }
    }
  }
}
