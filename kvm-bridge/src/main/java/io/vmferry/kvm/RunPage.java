package io.vmferry.kvm;

import com.sun.jna.Pointer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The mapped kvm_run area of one vCPU. Only {@link #setImmediateExit} may come from another thread
 * than the vCPU's.
 *
 * <p>Source: include/uapi/linux/kvm.h, struct kvm_run; the union of exits starts at byte 32.
 */
final class RunPage {
  static final int IMMEDIATE_EXIT = 1; // u8
  static final int EXIT_REASON = 8; // u32
  static final int HARDWARE_EXIT_REASON = 32; // u64
  static final int IO_DIRECTION = 32; // u8: 0 in, 1 out
  static final int IO_SIZE = 33; // u8: 1, 2 or 4
  static final int IO_PORT = 34; // u16
  static final int IO_COUNT = 36; // u32
  static final int IO_DATA_OFFSET = 40; // u64, from the start of kvm_run
  static final int MMIO_ADDRESS = 32; // u64
  static final int MMIO_DATA = 40; // 8 bytes
  static final int MMIO_LENGTH = 48; // u32
  static final int MMIO_IS_WRITE = 52; // u8
  static final int FAIL_ENTRY_REASON = 32; // u64
  static final int FAIL_ENTRY_CPU = 40; // u32
  static final int SUBERROR = 32; // u32; with u32 ndata and u64 data[16] after it
  static final int SYSTEM_EVENT_TYPE = 32; // u32; with u32 ndata and u64 data[16] after it
  static final int NDATA = 36;
  static final int DATA = 40;
  static final int DATA_MAX = 16;
  static final int INSTRUCTION_SIZE = 48; // u8, of an emulation failure
  static final int INSTRUCTION_BYTES = 49; // 15 bytes
  static final int MEMORY_FAULT_FLAGS = 32; // u64
  static final int MEMORY_FAULT_GPA = 40; // u64
  static final int MEMORY_FAULT_SIZE = 48; // u64

  private static final VarHandle INT =
      MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private final Pointer address;
  private final int lengthBytes;
  private final ByteBuffer bytes;

  RunPage(Pointer address, int lengthBytes) {
    this.address = address;
    this.lengthBytes = lengthBytes;
    this.bytes = address.getByteBuffer(0, lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  void setImmediateExit(boolean on) {
    bytes.put(IMMEDIATE_EXIT, on ? (byte) 1 : 0);
    // The flag is visible before whatever follows: the kick, or the check of the owner's queue.
    VarHandle.fullFence();
  }

  boolean immediateExit() {
    return bytes.get(IMMEDIATE_EXIT) != 0;
  }

  int exitReason() {
    return (int) INT.getOpaque(bytes, EXIT_REASON);
  }

  int u8(int offset) {
    return Byte.toUnsignedInt(bytes.get(offset));
  }

  int u16(int offset) {
    return Short.toUnsignedInt(bytes.getShort(offset));
  }

  int s32(int offset) {
    return bytes.getInt(offset);
  }

  long s64(int offset) {
    return bytes.getLong(offset);
  }

  void putLong(int offset, long value) {
    bytes.putLong(offset, value);
  }

  /** Where element {@code index} of the I/O data is. */
  private int ioOffset(int index) {
    if (index < 0 || index >= s32(IO_COUNT)) {
      throw new IndexOutOfBoundsException(
          "I/O element " + index + " of " + s32(IO_COUNT) + " asked for");
    }
    return Math.toIntExact(s64(IO_DATA_OFFSET)) + index * u8(IO_SIZE);
  }

  int ioData(int index) {
    int at = ioOffset(index);
    return switch (u8(IO_SIZE)) {
      case 1 -> u8(at);
      case 2 -> u16(at);
      default -> s32(at);
    };
  }

  void setIoData(int index, int value) {
    int at = ioOffset(index);
    switch (u8(IO_SIZE)) {
      case 1 -> bytes.put(at, (byte) value);
      case 2 -> bytes.putShort(at, (short) value);
      default -> bytes.putInt(at, value);
    }
  }

  /** The buffer is dead afterwards: a later access through it would kill the process. */
  void unmap() {
    KvmCalls.munmap(Pointer.nativeValue(address), lengthBytes);
  }
}
