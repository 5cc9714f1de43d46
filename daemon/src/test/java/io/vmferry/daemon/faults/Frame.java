package io.vmferry.daemon.faults;

import io.vmferry.kvm.OwnedFd;
import org.jspecify.annotations.Nullable;

/** One message as it passes, whole. Owns its bytes and the descriptor that came beside them. */
final class Frame implements AutoCloseable {
  private final @Nullable MessageKind kind;
  private final byte[] bytes;
  private final int headerBytes;
  private final int pagesFrom;
  private final @Nullable OwnedFd descriptor;

  /**
   * @param kind null for bytes that are not taken apart, or were cut off by the sender
   * @param headerBytes how many of the bytes are the request, the response or the role header
   * @param pagesFrom where bytes of guest memory begin; the length of all if it brings none
   * @param descriptor what came beside the bytes behind the header
   */
  Frame(
      @Nullable MessageKind kind,
      byte[] bytes,
      int headerBytes,
      int pagesFrom,
      @Nullable OwnedFd descriptor) {
    this.kind = kind;
    this.bytes = bytes;
    this.headerBytes = headerBytes;
    this.pagesFrom = pagesFrom;
    this.descriptor = descriptor;
  }

  static Frame raw(byte[] bytes) {
    return new Frame(null, bytes, 0, bytes.length, null);
  }

  @Nullable MessageKind kind() {
    return kind;
  }

  byte[] bytes() {
    return bytes;
  }

  int headerBytes() {
    return headerBytes;
  }

  int pagesFrom() {
    return pagesFrom;
  }

  @Nullable OwnedFd descriptor() {
    return descriptor;
  }

  /** Closes the descriptor, which the receiver has its own of. */
  @Override
  public void close() {
    if (descriptor != null) {
      descriptor.close();
    }
  }
}
