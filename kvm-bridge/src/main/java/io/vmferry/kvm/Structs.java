package io.vmferry.kvm;

import com.sun.jna.Memory;

/** Kernel structs as byte arrays, in and out. */
final class Structs {
  private Structs() {}

  static byte[] read(OwnedFd fd, KvmIoctl request, int bytes) throws SyscallException {
    try (Memory struct = new Memory(bytes)) {
      struct.clear();
      request.call(fd, struct);
      return struct.getByteArray(0, bytes);
    }
  }

  /** Writes a struct of the size that the request itself says. */
  static void write(OwnedFd fd, KvmIoctl request, byte[] bytes, String name)
      throws SyscallException {
    write(fd, request, bytes, name, request.argumentBytes());
  }

  /**
   * Writes a struct.
   *
   * @throws IllegalArgumentException if it has another size: the kernel would read past its end
   */
  static void write(OwnedFd fd, KvmIoctl request, byte[] bytes, String name, int expectedBytes)
      throws SyscallException {
    NamedParts.requireSize(name, bytes, expectedBytes);
    try (Memory struct = new Memory(expectedBytes)) {
      struct.write(0, bytes, 0, expectedBytes);
      request.call(fd, struct);
    }
  }
}
