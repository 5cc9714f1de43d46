package io.vmferry.kvm;

import com.sun.jna.Native;
import com.sun.jna.Pointer;

/** Anonymous memory for a test guest, zeroed, given back on close. */
final class TestMemory implements AutoCloseable {
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MAP_HUGETLB_2M = 0x40000 | 21 << 26;

  private final Pointer address;
  private final long sizeBytes;

  private TestMemory(long sizeBytes, int flags) throws SyscallException {
    long mapped =
        KvmCalls.mmap(0, sizeBytes, KvmCalls.PROT_READ | KvmCalls.PROT_WRITE, flags, -1, 0);
    if (mapped == KvmCalls.MAP_FAILED) {
      throw new SyscallException("mmap(test memory)", Native.getLastError());
    }
    this.address = new Pointer(mapped);
    this.sizeBytes = sizeBytes;
  }

  static TestMemory of(long sizeBytes) throws SyscallException {
    return new TestMemory(sizeBytes, MAP_PRIVATE_ANONYMOUS);
  }

  static TestMemory huge(long sizeBytes) throws SyscallException {
    return new TestMemory(sizeBytes, MAP_PRIVATE_ANONYMOUS | MAP_HUGETLB_2M);
  }

  Hva hva() {
    return new Hva(Pointer.nativeValue(address));
  }

  long sizeBytes() {
    return sizeBytes;
  }

  void write(long offset, byte... bytes) {
    address.write(offset, bytes, 0, bytes.length);
  }

  byte[] read(long offset, int length) {
    return address.getByteArray(offset, length);
  }

  long u64(long offset) {
    return address.getLong(offset);
  }

  void setU64(long offset, long value) {
    address.setLong(offset, value);
  }

  @Override
  public void close() {
    KvmCalls.munmap(Pointer.nativeValue(address), sizeBytes);
  }
}
