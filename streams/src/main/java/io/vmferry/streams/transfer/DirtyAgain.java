package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.DirtyPages;
import java.io.IOException;

/**
 * Which pages were written since their round began: they are in the next round whatever happens, so
 * to send them in this one would be for nothing.
 */
@FunctionalInterface
public interface DirtyAgain {
  /** For a guest that does not run, and so for the last round. */
  DirtyAgain NEVER = () -> DirtyPages.NONE;

  /**
   * The pages as far as known. Asked before each chunk, on any connection's thread.
   *
   * @return pages that are certainly in the next round; what is missing is only sent twice
   * @throws IOException if the dirty log cannot be read; ends the round
   */
  DirtyPages newest() throws IOException;
}
