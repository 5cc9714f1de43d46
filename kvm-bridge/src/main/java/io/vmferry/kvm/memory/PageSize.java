package io.vmferry.kvm.memory;

import java.util.Locale;

/** The page sizes guest memory can be backed with. */
public enum PageSize {
  KIB_4(12, "4K"),
  MIB_2(21, "2M"),
  GIB_1(30, "1G");

  private final int shift;
  private final String label;

  PageSize(int shift, String label) {
    this.shift = shift;
    this.label = label;
  }

  /** The size in bytes. */
  public long bytes() {
    return 1L << shift;
  }

  /** The base-2 logarithm of the size in bytes. */
  public int shift() {
    return shift;
  }

  /** The size as a user types it: {@code 4K}, {@code 2M} or {@code 1G}. */
  public String label() {
    return label;
  }

  /** Whether pages of this size come from the hugepage pool. */
  public boolean isHuge() {
    return this != KIB_4;
  }

  /** Whether {@code bytes} is a multiple of the page size. */
  public boolean divides(long bytes) {
    return (bytes & (bytes() - 1)) == 0;
  }

  /**
   * The page size of that many bytes.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static PageSize ofBytes(long bytes) {
    for (PageSize size : values()) {
      if (size.bytes() == bytes) {
        return size;
      }
    }
    throw new IllegalArgumentException("no page size of " + bytes + " bytes: use 4K, 2M or 1G");
  }

  /**
   * Reads a page size as a user types it: {@code 4K}, {@code 2M}, {@code 1G}, also with {@code B}
   * or {@code iB} behind, in any case.
   *
   * @throws IllegalArgumentException if it is none of them
   */
  public static PageSize parse(String text) {
    String plain = text.trim().toUpperCase(Locale.ROOT).replaceFirst("I?B$", "");
    for (PageSize size : values()) {
      if (size.label.equals(plain)) {
        return size;
      }
    }
    throw new IllegalArgumentException("'" + text + "' is no page size: use 4K, 2M or 1G");
  }
}
