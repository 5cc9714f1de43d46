package io.vmferry.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A virtual machine: memslots, dirty logs, interrupt controllers, clock. Thread-safe, but for
 * {@link #close}, which must come after the last use.
 *
 * <p>Order of a restore: memslots, {@link #createIrqchip}, {@link #createPit}, every vCPU with
 * {@link KvmVcpu#restoreState}, then {@link #restoreState} here, just before the guest runs. The
 * machine comes after the vCPUs because restoring the IOAPIC and the PIT delivers interrupts to the
 * local APICs, which restoring a local APIC afterwards would wipe out; a PIT whose tick was lost so
 * waits for its acknowledgement for ever.
 *
 * @see <a href="https://docs.kernel.org/virt/kvm/api.html">KVM API, section 4, VM ioctls</a>
 */
public final class KvmVm implements AutoCloseable {
  // Source: include/uapi/linux/kvm.h, KVM_MEM_LOG_DIRTY_PAGES.
  private static final int MEM_LOG_DIRTY_PAGES = 1;
  // Source: include/uapi/linux/kvm.h, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE.
  private static final long DIRTY_LOG_MANUAL_PROTECT_ENABLE = 1;
  // Source: include/uapi/linux/kvm.h, KVM_PIT_SPEAKER_DUMMY: the kernel answers port 0x61.
  private static final int PIT_SPEAKER_DUMMY = 1;
  // Source: arch/x86/include/uapi/asm/kvm.h, KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE, _IOAPIC.
  private static final int CHIP_PIC_MASTER = 0;
  private static final int CHIP_PIC_SLAVE = 1;
  private static final int CHIP_IOAPIC = 2;

  // Source: include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h, sizeof each struct.
  private static final int PAGE_BYTES = 4096;
  static final int MEMSLOT_BYTES = 32;
  static final int DIRTY_LOG_BYTES = 16;
  static final int CLEAR_DIRTY_LOG_BYTES = 24;
  static final int IRQCHIP_BYTES = 520;
  static final int PIT_STATE2_BYTES = 112;
  static final int PIT_CONFIG_BYTES = 64;
  static final int CLOCK_BYTES = 48;
  static final int ENABLE_CAP_BYTES = 104;
  private static final int CLOCK_FLAGS_OFFSET = 8;

  private final OwnedFd fd;
  private final int vcpuMapBytes;
  private final int[] msrIndices;
  // Pages of 4 KiB per memslot: a bitmap of another size would let the kernel write past its end.
  private final Map<Integer, Long> slotPages = new ConcurrentHashMap<>();
  private volatile boolean irqchip;
  private volatile boolean pit;

  KvmVm(OwnedFd fd, int vcpuMapBytes, int[] msrIndices) {
    this.fd = fd;
    this.vcpuMapBytes = vcpuMapBytes;
    this.msrIndices = msrIndices;
  }

  /**
   * Asks for a capability of this machine, which may differ from the system's.
   *
   * @param cap a number of {@link KvmCap}
   */
  public int extension(int cap) throws SyscallException {
    return KvmIoctl.KVM_CHECK_EXTENSION.call(fd, cap);
  }

  /**
   * Adds a memslot, or changes the dirty logging of one that is otherwise the same.
   *
   * @param slot memslot number
   * @param base where the guest sees it, a multiple of 4 KiB
   * @param sizeBytes a multiple of 4 KiB
   * @param hva where it is mapped here; it must stay mapped until the memslot is removed
   * @param logDirty whether the kernel keeps a dirty bitmap
   * @throws SyscallException EEXIST if it overlaps another memslot; EINVAL for alignment or a slot
   *     number out of range
   */
  public void setMemslot(int slot, Gpa base, long sizeBytes, Hva hva, boolean logDirty)
      throws SyscallException {
    // struct kvm_userspace_memory_region: u32 slot, u32 flags, u64 gpa, u64 size, u64 hva.
    try (Memory region = new Memory(MEMSLOT_BYTES)) {
      region.setInt(0, slot);
      region.setInt(4, logDirty ? MEM_LOG_DIRTY_PAGES : 0);
      region.setLong(8, base.value());
      region.setLong(16, sizeBytes);
      region.setLong(24, hva.value());
      String details =
          String.format(", slot=%d, gpa=%s, size=0x%x, hva=%s", slot, base, sizeBytes, hva);
      // Invariant: the caller keeps [hva, hva + size) mapped while the memslot exists.
      KvmIoctl.KVM_SET_USER_MEMORY_REGION.call(fd, region, details);
      if (sizeBytes == 0) {
        slotPages.remove(slot);
      } else {
        slotPages.put(slot, sizeBytes / PAGE_BYTES);
      }
    }
  }

  /**
   * Removes a memslot; the memory may be unmapped afterwards.
   *
   * @throws SyscallException EINVAL if there is none of this number
   */
  public void removeMemslot(int slot) throws SyscallException {
    setMemslot(slot, new Gpa(0), 0, new Hva(0), false);
  }

  /**
   * Creates the PICs, the IOAPIC and a local APIC for every vCPU made afterwards.
   *
   * @throws SyscallException EEXIST if there is one; EINVAL if a vCPU exists
   */
  public void createIrqchip() throws SyscallException {
    KvmIoctl.KVM_CREATE_IRQCHIP.call(fd, 0);
    irqchip = true;
  }

  /**
   * Creates the interval timer (8254), port 0x61 included.
   *
   * @throws SyscallException EEXIST if there is one; ENOENT without {@link #createIrqchip}
   */
  public void createPit() throws SyscallException {
    try (Memory config = new Memory(PIT_CONFIG_BYTES)) {
      config.clear();
      config.setInt(0, PIT_SPEAKER_DUMMY);
      KvmIoctl.KVM_CREATE_PIT2.call(fd, config);
    }
    pit = true;
  }

  /**
   * Sets where KVM may put three pages for real mode on Intel hosts; no memslot may be there.
   *
   * @param address guest physical address below 4 GiB
   */
  public void setTssAddress(long address) throws SyscallException {
    KvmIoctl.KVM_SET_TSS_ADDR.call(fd, address);
  }

  /**
   * Sets where KVM may put one page of identity map on Intel hosts; before the first vCPU.
   *
   * @param address guest physical address below 4 GiB
   */
  public void setIdentityMapAddress(long address) throws SyscallException {
    try (Memory value = new Memory(Long.BYTES)) {
      value.setLong(0, address);
      KvmIoctl.KVM_SET_IDENTITY_MAP_ADDR.call(fd, value);
    }
  }

  /**
   * Makes {@link #readDirtyLog} leave pages writable and marked until {@link #clearDirtyLog}, for
   * all memslots; before dirty logging is switched on.
   *
   * @throws SyscallException EINVAL if the kernel lacks it (before Linux 5.0)
   */
  public void enableManualDirtyLog() throws SyscallException {
    // struct kvm_enable_cap: u32 cap, u32 flags, u64 args[4], padding.
    try (Memory enable = new Memory(ENABLE_CAP_BYTES)) {
      enable.clear();
      enable.setInt(0, KvmCap.MANUAL_DIRTY_LOG_PROTECT2);
      enable.setLong(8, DIRTY_LOG_MANUAL_PROTECT_ENABLE);
      KvmIoctl.KVM_ENABLE_CAP.call(fd, enable, ", cap=KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
    }
  }

  /** A bitmap for a memslot of {@code pages} pages of 4 KiB. */
  public DirtyBitmapBuffer newDirtyBitmap(long pages) {
    return new DirtyBitmapBuffer(pages);
  }

  /**
   * Reads the dirty bitmap of one memslot, overwriting {@code into}. Without {@link
   * #enableManualDirtyLog} this also clears it in KVM.
   *
   * @param into a bitmap of exactly the memslot's pages
   * @throws IllegalArgumentException if there is no such memslot or it has other pages
   * @throws SyscallException ENOENT if its dirty logging is off
   */
  public void readDirtyLog(int slot, DirtyBitmapBuffer into) throws SyscallException {
    requireSlotSize(slot, into);
    // struct kvm_dirty_log: u32 slot, u32 padding, pointer.
    try (Memory log = new Memory(DIRTY_LOG_BYTES)) {
      log.setInt(0, slot);
      log.setInt(4, 0);
      log.setLong(8, into.address());
      // Invariant: the buffer covers the memslot, checked above; the kernel writes all its words.
      KvmIoctl.KVM_GET_DIRTY_LOG.call(fd, log, ", slot=" + slot);
    } finally {
      Reference.reachabilityFence(into);
    }
  }

  /**
   * Clears pages in KVM and write-protects them again: those of the range whose bit is set in
   * {@code bits}. Copy a page after this call, never before.
   *
   * @param firstPage first page of the range, a multiple of 64
   * @param pages length of the range, a multiple of 64 unless it ends with the memslot
   * @param bits the bitmap of the whole memslot, as {@link #readDirtyLog} filled it
   * @throws IllegalArgumentException if there is no such memslot, it has other pages, or the range
   *     exceeds it
   * @throws SyscallException ENOENT if its dirty logging is off; EINVAL for a range that is not
   *     aligned
   */
  public void clearDirtyLog(int slot, long firstPage, long pages, DirtyBitmapBuffer bits)
      throws SyscallException {
    requireSlotSize(slot, bits);
    if (firstPage < 0 || pages < 0 || firstPage > bits.pages() - pages) {
      throw new IllegalArgumentException(
          "pages " + firstPage + " + " + pages + " exceed a bitmap of " + bits.pages());
    }
    // struct kvm_clear_dirty_log: u32 slot, u32 pages, u64 first page, pointer to its bit.
    try (Memory log = new Memory(CLEAR_DIRTY_LOG_BYTES)) {
      log.setInt(0, slot);
      log.setInt(4, Math.toIntExact(pages));
      log.setLong(8, firstPage);
      log.setLong(16, bits.address() + firstPage / Byte.SIZE);
      KvmIoctl.KVM_CLEAR_DIRTY_LOG.call(
          fd, log, ", slot=" + slot + ", first=" + firstPage + ", pages=" + pages);
    } finally {
      Reference.reachabilityFence(bits);
    }
  }

  private void requireSlotSize(int slot, DirtyBitmapBuffer bits) {
    Long pages = slotPages.get(slot);
    if (pages == null || pages != bits.pages()) {
      throw new IllegalArgumentException(
          "memslot " + slot + " has " + pages + " pages, the bitmap " + bits.pages());
    }
  }

  /**
   * Drives an input of the interrupt controllers.
   *
   * @param gsi 0-15 PIC and IOAPIC, 16-23 IOAPIC only
   * @throws SyscallException ENXIO without irqchip
   */
  public void setIrqLine(int gsi, boolean high) throws SyscallException {
    // struct kvm_irq_level: u32 irq, u32 level.
    try (Memory level = new Memory(8)) {
      level.setInt(0, gsi);
      level.setInt(4, high ? 1 : 0);
      KvmIoctl.KVM_IRQ_LINE.call(fd, level, ", gsi=" + gsi);
    }
  }

  /** The guest's clock (kvmclock) in nanoseconds. */
  public long clock() throws SyscallException {
    try (Memory data = new Memory(CLOCK_BYTES)) {
      data.clear();
      KvmIoctl.KVM_GET_CLOCK.call(fd, data);
      return data.getLong(0);
    }
  }

  /**
   * Sets the guest's clock (kvmclock); it runs on from here at once.
   *
   * @param nanos the value of {@link #clock} when the guest was paused
   */
  public void setClock(long nanos) throws SyscallException {
    try (Memory data = new Memory(CLOCK_BYTES)) {
      data.clear();
      data.setLong(0, nanos);
      KvmIoctl.KVM_SET_CLOCK.call(fd, data);
    }
  }

  /** Saves interrupt controllers, PIT and clock. All vCPUs must be paused, their state saved. */
  public VmState saveState() throws SyscallException {
    Map<String, byte[]> parts = new HashMap<>();
    if (irqchip) {
      parts.put(VmState.PIC_MASTER, readChip(CHIP_PIC_MASTER));
      parts.put(VmState.PIC_SLAVE, readChip(CHIP_PIC_SLAVE));
      parts.put(VmState.IOAPIC, readChip(CHIP_IOAPIC));
    }
    if (pit) {
      parts.put(VmState.PIT2, Structs.read(fd, KvmIoctl.KVM_GET_PIT2, PIT_STATE2_BYTES));
    }
    parts.put(VmState.CLOCK, Structs.read(fd, KvmIoctl.KVM_GET_CLOCK, CLOCK_BYTES));
    return VmState.of(parts);
  }

  /**
   * Restores interrupt controllers, PIT and clock, after every vCPU's state (see the class
   * comment). The guest's clock runs on from the saved value: it does not see the time it was
   * paused.
   *
   * @throws IllegalArgumentException if the state's devices are not this machine's, or a part has
   *     another size than this kernel's struct
   */
  public void restoreState(VmState state) throws SyscallException {
    requireSame("irqchip", state.has(VmState.IOAPIC), irqchip);
    requireSame("PIT", state.has(VmState.PIT2), pit);
    if (irqchip) {
      writeChip(state, VmState.PIC_MASTER);
      writeChip(state, VmState.PIC_SLAVE);
      writeChip(state, VmState.IOAPIC);
    }
    if (pit) {
      Structs.write(fd, KvmIoctl.KVM_SET_PIT2, state.part(VmState.PIT2), VmState.PIT2);
    }
    // Of what KVM_GET_CLOCK returns, KVM_SET_CLOCK takes no flag but KVM_CLOCK_REALTIME, which
    // would advance the clock by the time of day since; that is left out.
    byte[] clock = state.part(VmState.CLOCK);
    NamedParts.requireSize(VmState.CLOCK, clock, CLOCK_BYTES);
    Arrays.fill(clock, CLOCK_FLAGS_OFFSET, CLOCK_BYTES, (byte) 0);
    Structs.write(fd, KvmIoctl.KVM_SET_CLOCK, clock, VmState.CLOCK);
  }

  private static void requireSame(String device, boolean inState, boolean here) {
    if (inState != here) {
      throw new IllegalArgumentException(
          "the state has "
              + (inState ? "an " : "no ")
              + device
              + ", but this machine has "
              + (here ? "one" : "none"));
    }
  }

  private byte[] readChip(int chip) throws SyscallException {
    // struct kvm_irqchip: u32 chip id, u32 padding, 512 bytes.
    try (Memory struct = new Memory(IRQCHIP_BYTES)) {
      struct.clear();
      struct.setInt(0, chip);
      KvmIoctl.KVM_GET_IRQCHIP.call(fd, struct, ", chip=" + chip);
      return struct.getByteArray(0, IRQCHIP_BYTES);
    }
  }

  private void writeChip(VmState state, String name) throws SyscallException {
    Structs.write(fd, KvmIoctl.KVM_SET_IRQCHIP, state.part(name), name);
  }

  /**
   * Creates a vCPU. The thread that will run it should make this call.
   *
   * @param id the vCPU's number, which is also its APIC id
   * @throws SyscallException EEXIST if there is one of this number; EINVAL if it is out of range
   */
  public KvmVcpu createVcpu(int id) throws SyscallException {
    OwnedFd vcpu = new OwnedFd(KvmIoctl.KVM_CREATE_VCPU.call(fd, id));
    long address =
        KvmCalls.mmap(
            0,
            vcpuMapBytes,
            KvmCalls.PROT_READ | KvmCalls.PROT_WRITE,
            KvmCalls.MAP_SHARED,
            vcpu.raw(),
            0);
    if (address == KvmCalls.MAP_FAILED) {
      int errno = Native.getLastError();
      vcpu.close();
      throw new SyscallException("mmap(kvm_run of vCPU " + id + ")", errno);
    }
    RunPage page = new RunPage(new Pointer(address), vcpuMapBytes);
    try {
      return new KvmVcpu(id, vcpu, page, msrIndices, VcpuFeatures.of(this, irqchip));
    } catch (SyscallException e) {
      page.unmap();
      vcpu.close();
      throw e;
    }
  }

  /**
   * Gives the descriptor up. The kernel frees the machine when the last vCPU is closed too.
   *
   * <p>Closing twice is harmless.
   */
  @Override
  public void close() {
    fd.close();
  }
}
