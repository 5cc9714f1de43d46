package io.vmferry.streams.transfer;

import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;

/**
 * Brings pages into memory that the destination maps too: their faults are answered without them.
 */
@FunctionalInterface
public interface SharedPages {
  /**
   * Returns once the page is in the memory. A page that was brought before is not written again.
   *
   * @param page inside one region of the guest's memory
   * @throws IOException if its bytes cannot be had
   */
  void bring(MemoryRange page) throws IOException;

  /**
   * Told before {@link #bring} of a page that the destination asks for with a PageFault: one that
   * its guest waits for, or, without the extension PREFAULT, perhaps one that it only wants to
   * have.
   */
  default void demanded(MemoryRange page) {}
}
