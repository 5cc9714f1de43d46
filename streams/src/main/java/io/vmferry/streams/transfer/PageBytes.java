package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Where the bytes of pages are that a {@link FaultServing} sends. */
@FunctionalInterface
public interface PageBytes {
  /** The most that is asked for at a time, in bytes. */
  int CALL_BYTES = 1 << 20;

  /** So many bytes stay valid at least: what was asked for before them need not. */
  int VALID_BYTES = 2 * CALL_BYTES;

  /**
   * Bytes of one page. Called by one thread.
   *
   * @param start inside one region of the guest's memory
   * @return a direct buffer with exactly so many bytes
   * @throws IOException if they cannot be had
   */
  ByteBuffer slice(Gpa start, int lengthBytes) throws IOException;
}
