package io.vmferry.kvm.uffd;

import io.vmferry.kvm.memory.DirectBuffers;
import java.nio.ByteBuffer;
import java.util.Objects;

/** Page faults of one read, in a native buffer that the next read reuses. One thread's own. */
public final class FaultBatch {
  private final ByteBuffer bytes;
  private final long address;
  private int size;

  /**
   * @param capacity how many faults one read can take; the rest come with the next
   */
  public FaultBatch(int capacity) {
    this.bytes = DirectBuffers.allocate(capacity * UffdCalls.MESSAGE_BYTES);
    this.address = DirectBuffers.address(bytes);
  }

  /** The number of faults of the last read. */
  public int size() {
    return size;
  }

  /** The host virtual address of the page, in the process that touched it. */
  public long address(int i) {
    return bytes.getLong(at(i) + UffdCalls.MESSAGE_ADDRESS);
  }

  /** Whether the access was a write. */
  public boolean write(int i) {
    return flag(i, UffdCalls.FAULT_WRITE);
  }

  /** Whether the file has the page and only the mapping lacks it: {@link Uffd#resume}. */
  public boolean minor(int i) {
    return flag(i, UffdCalls.FAULT_MINOR);
  }

  /** Whether a write met a write-protected page: {@link Uffd#writeProtect}. */
  public boolean writeProtected(int i) {
    return flag(i, UffdCalls.FAULT_WRITE_PROTECT);
  }

  long bufferAddress() {
    return address;
  }

  int bufferBytes() {
    return bytes.capacity();
  }

  /** Takes the messages of a read; those that are no page faults are left out. */
  void received(int messageBytes) {
    size = 0;
    for (int at = 0; at < messageBytes; at += UffdCalls.MESSAGE_BYTES) {
      if (bytes.get(at) == UffdCalls.EVENT_PAGEFAULT) {
        int target = size++ * UffdCalls.MESSAGE_BYTES;
        if (target != at) {
          bytes.put(target, bytes, at, UffdCalls.MESSAGE_BYTES);
        }
      }
    }
  }

  private boolean flag(int i, long flag) {
    return (bytes.getLong(at(i) + UffdCalls.MESSAGE_FLAGS) & flag) != 0;
  }

  private int at(int i) {
    return Objects.checkIndex(i, size) * UffdCalls.MESSAGE_BYTES;
  }
}
