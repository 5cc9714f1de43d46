package io.vmferry.kvm;

/**
 * A guest physical address.
 *
 * @param value the address in bytes, unsigned
 */
public record Gpa(long value) implements Comparable<Gpa> {

  /** The address {@code bytes} further on. */
  public Gpa plus(long bytes) {
    return new Gpa(value + bytes);
  }

  @Override
  public int compareTo(Gpa other) {
    return Long.compareUnsigned(value, other.value);
  }

  @Override
  public String toString() {
    return "0x" + Long.toHexString(value);
  }
}
