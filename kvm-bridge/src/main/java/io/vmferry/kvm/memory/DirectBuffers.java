package io.vmferry.kvm.memory;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Addresses of direct buffers, for native calls that take a plain address. */
public final class DirectBuffers {
  private DirectBuffers() {}

  /** A zeroed direct buffer in native byte order. */
  public static ByteBuffer allocate(int lengthBytes) {
    return ByteBuffer.allocateDirect(lengthBytes).order(ByteOrder.nativeOrder());
  }

  /**
   * The address of the byte at the buffer's position.
   *
   * <p>The caller keeps the buffer reachable until its call returns.
   *
   * @throws IllegalArgumentException if the buffer is on the heap
   */
  public static long address(ByteBuffer buffer) {
    if (!buffer.isDirect()) {
      throw new IllegalArgumentException("a direct buffer is needed, this one is on the heap");
    }
    return Pointer.nativeValue(Native.getDirectBufferPointer(buffer)) + buffer.position();
  }

  /**
   * A direct buffer over memory that somebody else owns, in native byte order.
   *
   * @param address the first byte; must stay mapped while the buffer is used
   */
  public static ByteBuffer over(long address, int lengthBytes) {
    return new Pointer(address).getByteBuffer(0, lengthBytes).order(ByteOrder.nativeOrder());
  }
}
