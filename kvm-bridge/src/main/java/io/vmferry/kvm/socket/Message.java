package io.vmferry.kvm.socket;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.DirectBuffers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A reusable {@code struct msghdr} with its part list and room for descriptors. Not thread-safe.
 *
 * <pre>
 * offset            size  field
 * 0                 56    msghdr
 * 64                1024  iovec[64]
 * 1088              48    one cmsghdr with up to 8 descriptors
 * </pre>
 */
final class Message {
  /** Parts a message can have; the kernel takes 1024, few are enough to make a call cheap. */
  static final int MAX_PARTS = 64;

  private static final int IOVECS = 64;
  private static final int CONTROL = IOVECS + MAX_PARTS * SocketCalls.IOVEC_BYTES;
  // Room for more than the one expected, so that a peer that sends several is caught, not
  // truncated.
  private static final int MAX_DESCRIPTORS = 8;
  private static final int CONTROL_BYTES = SocketCalls.CMSG_DATA + MAX_DESCRIPTORS * Integer.BYTES;
  private static final int ONE_DESCRIPTOR_LEN = SocketCalls.CMSG_DATA + Integer.BYTES;
  // CMSG_SPACE: the length rounded up to 8.
  private static final int ONE_DESCRIPTOR_SPACE = SocketCalls.CMSG_DATA + Long.BYTES;

  private final ByteBuffer bytes = DirectBuffers.allocate(CONTROL + CONTROL_BYTES);
  private final long address = DirectBuffers.address(bytes);

  long address() {
    return address;
  }

  /** Points the message at the remaining bytes of the buffers from first to end. */
  void parts(ByteBuffer[] buffers, int first, int end) {
    int at = IOVECS;
    for (int i = first; i < end; i++) {
      bytes.putLong(at, DirectBuffers.address(buffers[i]));
      bytes.putLong(at + Long.BYTES, buffers[i].remaining());
      at += SocketCalls.IOVEC_BYTES;
    }
    bytes.putLong(SocketCalls.MSGHDR_IOV, address + IOVECS);
    bytes.putLong(SocketCalls.MSGHDR_IOVLEN, end - first);
  }

  /** Sends a descriptor beside the parts. */
  void attach(int fd) {
    bytes.putLong(CONTROL, ONE_DESCRIPTOR_LEN);
    bytes.putInt(CONTROL + SocketCalls.CMSG_LEVEL, SocketCalls.SOL_SOCKET);
    bytes.putInt(CONTROL + SocketCalls.CMSG_TYPE, SocketCalls.SCM_RIGHTS);
    bytes.putInt(CONTROL + SocketCalls.CMSG_DATA, fd);
    control(ONE_DESCRIPTOR_SPACE);
  }

  /** Sends the parts alone. */
  void detach() {
    bytes.putLong(SocketCalls.MSGHDR_CONTROL, 0);
    bytes.putLong(SocketCalls.MSGHDR_CONTROLLEN, 0);
  }

  /** Makes room for descriptors of the next message read. */
  void expectDescriptors() {
    control(CONTROL_BYTES);
  }

  /** The descriptor that came with the message just read; several are closed and refused. */
  @Nullable OwnedFd takeDescriptor() throws IOException {
    List<OwnedFd> received = new ArrayList<>(1);
    long end = CONTROL + bytes.getLong(SocketCalls.MSGHDR_CONTROLLEN);
    int at = CONTROL;
    while (at + SocketCalls.CMSG_DATA <= end) {
      int length = (int) bytes.getLong(at);
      if (bytes.getInt(at + SocketCalls.CMSG_LEVEL) == SocketCalls.SOL_SOCKET
          && bytes.getInt(at + SocketCalls.CMSG_TYPE) == SocketCalls.SCM_RIGHTS) {
        for (int i = SocketCalls.CMSG_DATA; i + Integer.BYTES <= length; i += Integer.BYTES) {
          received.add(new OwnedFd(bytes.getInt(at + i)));
        }
      }
      at += (length + Long.BYTES - 1) & -Long.BYTES;
    }
    boolean truncated = (bytes.getInt(SocketCalls.MSGHDR_FLAGS) & SocketCalls.MSG_CTRUNC) != 0;
    if (truncated || received.size() > 1) {
      received.forEach(OwnedFd::close);
      throw new IOException("the peer sent more descriptors at once than one");
    }
    return received.isEmpty() ? null : received.get(0);
  }

  private void control(int lengthBytes) {
    bytes.putLong(SocketCalls.MSGHDR_CONTROL, address + CONTROL);
    bytes.putLong(SocketCalls.MSGHDR_CONTROLLEN, lengthBytes);
  }
}
