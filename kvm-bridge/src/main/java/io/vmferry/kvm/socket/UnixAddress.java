package io.vmferry.kvm.socket;

import com.sun.jna.Native;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.DirectBuffers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A path as a {@code struct sockaddr_un}. */
record UnixAddress(Path path, ByteBuffer encoded) {

  /** Encodes a path, or says why it cannot be a socket's. */
  static UnixAddress of(Path path) throws IOException {
    byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length > SocketCalls.MAX_PATH_BYTES) {
      throw new IOException(
          String.format(
              "the path of a UNIX socket has 1 to %d bytes, '%s' has %d: use a shorter one",
              SocketCalls.MAX_PATH_BYTES, path, bytes.length));
    }
    ByteBuffer address =
        DirectBuffers.allocate(SocketCalls.SOCKADDR_UN_PATH + SocketCalls.MAX_PATH_BYTES + 1);
    address.putShort((short) SocketCalls.AF_UNIX).put(bytes).put((byte) 0).flip();
    return new UnixAddress(path, address);
  }

  static OwnedFd socket(int flags) throws SyscallException {
    int raw =
        SocketCalls.socket(
            SocketCalls.AF_UNIX, SocketCalls.SOCK_STREAM | SocketCalls.SOCK_CLOEXEC | flags, 0);
    if (raw < 0) {
      throw new SyscallException("socket(AF_UNIX)", Native.getLastError());
    }
    return new OwnedFd(raw);
  }

  /** Binds; 0 or the errno. */
  int bind(OwnedFd fd) {
    int result = SocketCalls.bind(fd.raw(), DirectBuffers.address(encoded), encoded.remaining());
    return result < 0 ? Native.getLastError() : 0;
  }

  /** Connects; 0 or the errno. */
  int connect(OwnedFd fd) {
    int result = SocketCalls.connect(fd.raw(), DirectBuffers.address(encoded), encoded.remaining());
    return result < 0 ? Native.getLastError() : 0;
  }
}
