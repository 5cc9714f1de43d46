package io.vmferry.kvm;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The KVM device: what the host's KVM can do, and the factory of virtual machines. Thread-safe.
 *
 * @see <a href="https://docs.kernel.org/virt/kvm/api.html">KVM API, section 4, system ioctls</a>
 */
public final class KvmSystem implements AutoCloseable {
  private static final Path DEVICE = Path.of("/dev/kvm");
  // Source: Documentation/virt/kvm/api.rst, 4.1: "Applications should refuse to run if
  // KVM_GET_API_VERSION returns a value other than 12."
  private static final int API_VERSION = 12;
  private static final int CPUID_ENTRIES_FIRST_TRY = 128;
  private static final int CPUID_ENTRIES_MAX = 4096;

  private final OwnedFd fd;
  private final int vcpuMapBytes;
  private final int[] msrIndices;

  private KvmSystem(OwnedFd fd) throws SyscallException {
    this.fd = fd;
    this.vcpuMapBytes = KvmIoctl.KVM_GET_VCPU_MMAP_SIZE.call(fd, 0);
    this.msrIndices = Msrs.savedIndices(fd);
  }

  /**
   * Opens {@code /dev/kvm}.
   *
   * @throws KvmUnavailableException if it is missing, not permitted, not KVM or of another API
   * @throws SyscallException for any other failure
   */
  public static KvmSystem open() throws IOException {
    return open(DEVICE);
  }

  /**
   * Opens a KVM device at another path.
   *
   * @throws KvmUnavailableException if it is missing, not permitted, not KVM or of another API
   * @throws SyscallException for any other failure
   */
  public static KvmSystem open(Path device) throws IOException {
    OwnedFd fd = openDevice(device);
    try {
      checkVersion(fd, device);
      return new KvmSystem(fd);
    } catch (IOException e) {
      fd.close();
      throw e;
    }
  }

  private static OwnedFd openDevice(Path device) throws IOException {
    int raw = KvmCalls.open(device.toString(), KvmCalls.O_RDWR | KvmCalls.O_CLOEXEC);
    if (raw >= 0) {
      return new OwnedFd(raw);
    }
    throw openFailure(device, Native.getLastError());
  }

  static IOException openFailure(Path device, int errno) {
    SyscallException failure = new SyscallException("open(" + device + ", O_RDWR)", errno);
    return switch (errno) {
      case Errno.ENOENT ->
          new KvmUnavailableException(
              device
                  + " does not exist: load the module kvm_intel or kvm_amd (virtualisation must be"
                  + " on in the firmware) or give this container the device",
              failure);
      case Errno.EACCES, Errno.EPERM ->
          new KvmUnavailableException(
              device
                  + " is not permitted for this user: run as root or add the user to the group of"
                  + " the device (most often kvm)",
              failure);
      case Errno.ENODEV, Errno.ENXIO ->
          new KvmUnavailableException(
              device + " has no driver behind it: load the module kvm_intel or kvm_amd", failure);
      default -> failure;
    };
  }

  private static void checkVersion(OwnedFd fd, Path device) throws IOException {
    int version;
    try {
      version = KvmIoctl.KVM_GET_API_VERSION.call(fd, 0);
    } catch (SyscallException e) {
      throw new KvmUnavailableException(device + " is not a KVM device", e);
    }
    if (version != API_VERSION) {
      throw new KvmUnavailableException(
          device + " speaks KVM API version " + version + ", but vmferry needs " + API_VERSION);
    }
  }

  /** The KVM API version, 12 on every kernel of the last decade. */
  public int apiVersion() throws SyscallException {
    return KvmIoctl.KVM_GET_API_VERSION.call(fd, 0);
  }

  /**
   * Asks for a capability.
   *
   * @param cap a number of {@link KvmCap}
   * @return 0 if absent; otherwise 1 or a number whose meaning depends on the capability
   */
  public int extension(int cap) throws SyscallException {
    return KvmIoctl.KVM_CHECK_EXTENSION.call(fd, cap);
  }

  /** The CPUID leaves that this host's KVM can give a guest. */
  public List<CpuidEntry> supportedCpuid() throws SyscallException {
    for (int room = CPUID_ENTRIES_FIRST_TRY; ; room *= 2) {
      try (Memory table = new Memory(CpuidEntry.tableBytes(room))) {
        table.clear();
        table.setInt(0, room);
        KvmIoctl.KVM_GET_SUPPORTED_CPUID.call(fd, table);
        return CpuidEntry.readTable(table);
      } catch (SyscallException e) {
        if (e.errno() != Errno.E2BIG || room >= CPUID_ENTRIES_MAX) {
          throw e;
        }
      }
    }
  }

  /**
   * The MSRs that a vCPU state holds where the vCPU has them: KVM's own list and the memory type
   * registers, the TSC deadline last.
   */
  public int[] savedMsrIndices() {
    return msrIndices.clone();
  }

  /** Creates a virtual machine without memory, vCPUs or interrupt controller. */
  public KvmVm createVm() throws SyscallException {
    return new KvmVm(new OwnedFd(KvmIoctl.KVM_CREATE_VM.call(fd, 0)), vcpuMapBytes, msrIndices);
  }

  /** Closes the device. Virtual machines made by it stay usable. */
  @Override
  public void close() {
    fd.close();
  }
}
