package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * What a fault connection does with the pages it gets; called on its receiving thread, one page at
 * a time. The call must make the page present and wake who waits for it.
 */
public interface PageArrival {

  /**
   * A page's bytes have arrived.
   *
   * @param page where it belongs
   * @param bytesAddress address of the first byte in a buffer of this process, valid for this call
   * @param bytes the same bytes, to look at (a digest); valid for this call
   * @throws IOException if the page cannot be installed; ends the connection
   */
  void copy(Gpa page, long bytesAddress, ByteBuffer bytes) throws IOException;

  /**
   * The page is in the shared memory file now and only needs mapping.
   *
   * @param page where it belongs
   * @param lengthBytes size of the page
   * @throws IOException if the page cannot be mapped; ends the connection
   */
  void resume(Gpa page, long lengthBytes) throws IOException;
}
