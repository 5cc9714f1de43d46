package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;

/**
 * A run of guest memory inside one memslot.
 *
 * @param gpa guest physical address of the first byte, unsigned
 * @param lengthBytes length in bytes, positive
 */
public record PageRun(long gpa, long lengthBytes) {

  /**
   * Checks the run.
   *
   * @throws IllegalArgumentException if it is empty or ends beyond the address space
   */
  public PageRun {
    if (lengthBytes <= 0 || Long.compareUnsigned(gpa + lengthBytes - 1, gpa) < 0) {
      throw new IllegalArgumentException(
          String.format("run of %d bytes at 0x%x is empty or overflows", lengthBytes, gpa));
    }
  }

  /** Where the run begins. */
  public Gpa start() {
    return new Gpa(gpa);
  }

  /** The first {@code bytes} of the run, or all of it if it is not longer. */
  public PageRun head(long bytes) {
    return bytes >= lengthBytes ? this : new PageRun(gpa, bytes);
  }

  /**
   * What follows the first {@code bytes}.
   *
   * @param bytes less than the length
   */
  public PageRun tail(long bytes) {
    return new PageRun(gpa + bytes, lengthBytes - bytes);
  }

  @Override
  public String toString() {
    return String.format("0x%x+0x%x", gpa, lengthBytes);
  }
}
