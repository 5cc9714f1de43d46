package io.vmferry.kvm;

/**
 * A host virtual address, valid in this process only.
 *
 * @param value the address in bytes, unsigned
 */
public record Hva(long value) implements Comparable<Hva> {

  /** The address {@code bytes} further on. */
  public Hva plus(long bytes) {
    return new Hva(value + bytes);
  }

  @Override
  public int compareTo(Hva other) {
    return Long.compareUnsigned(value, other.value);
  }

  @Override
  public String toString() {
    return "0x" + Long.toHexString(value);
  }
}
