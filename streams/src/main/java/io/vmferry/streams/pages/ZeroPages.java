package io.vmferry.streams.pages;

import java.nio.ByteBuffer;

/**
 * Tells pages of zeros from others. A loop over longs reads zeros as fast as memory delivers them
 * and leaves other pages at their first word; {@link ByteBuffer#mismatch} against zeros was slower
 * (docs/decisions/0012-pages-of-precopy.md).
 */
public final class ZeroPages {
  /** The unit, whatever pages the memory is made of: a hugepage is mostly zeros at boot. */
  public static final int PAGE_BYTES = 4096;

  private ZeroPages() {}

  /**
   * Whether a page is zero.
   *
   * @param window memory that is present (see the hazard of {@link
   *     io.vmferry.kvm.memory.Mapping#slice})
   * @param at index of the page's first byte, whatever the position
   */
  public static boolean isZero(ByteBuffer window, int at) {
    for (int i = at; i < at + PAGE_BYTES; i += Long.BYTES) {
      if (window.getLong(i) != 0) {
        return false;
      }
    }
    return true;
  }
}
