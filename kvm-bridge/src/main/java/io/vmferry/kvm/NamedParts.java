package io.vmferry.kvm;

import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** Immutable kernel structs by name, the common half of {@link VcpuState} and {@link VmState}. */
final class NamedParts {
  private final SortedMap<String, byte[]> parts;

  /**
   * Copies the parts.
   *
   * @throws IllegalArgumentException if a name is not known or a required one is missing
   */
  NamedParts(String owner, Map<String, byte[]> source, Set<String> known, Set<String> required) {
    SortedMap<String, byte[]> copy = new TreeMap<>();
    source.forEach(
        (name, bytes) -> {
          if (!known.contains(name)) {
            throw new IllegalArgumentException(owner + " state has an unknown part " + name);
          }
          copy.put(name, bytes.clone());
        });
    for (String name : required) {
      if (!copy.containsKey(name)) {
        throw new IllegalArgumentException(owner + " state lacks the part " + name);
      }
    }
    this.parts = copy;
  }

  boolean has(String name) {
    return parts.containsKey(name);
  }

  /** A copy of one part. */
  byte[] get(String name) {
    byte[] bytes = parts.get(name);
    if (bytes == null) {
      throw new IllegalArgumentException("state has no part " + name);
    }
    return bytes.clone();
  }

  /** Copies of all parts, sorted by name. */
  Map<String, byte[]> copy() {
    SortedMap<String, byte[]> copy = new TreeMap<>();
    parts.forEach((name, bytes) -> copy.put(name, bytes.clone()));
    return Collections.unmodifiableMap(copy);
  }

  static byte[] requireSize(String name, byte[] bytes, int expectedBytes) {
    if (bytes.length != expectedBytes) {
      throw new IllegalArgumentException(
          "state part "
              + name
              + " has "
              + bytes.length
              + " bytes, but this machine's KVM takes "
              + expectedBytes);
    }
    return bytes;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof NamedParts that
        && parts.keySet().equals(that.parts.keySet())
        && parts.entrySet().stream()
            .allMatch(e -> Arrays.equals(e.getValue(), that.parts.get(e.getKey())));
  }

  @Override
  public int hashCode() {
    int hash = 1;
    for (Map.Entry<String, byte[]> part : parts.entrySet()) {
      hash = 31 * hash + part.getKey().hashCode() * 17 + Arrays.hashCode(part.getValue());
    }
    return hash;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    parts.forEach((name, bytes) -> text.append(' ').append(name).append('=').append(bytes.length));
    return text.toString();
  }
}
