package io.vmferry.actors.vm;

/** How a memory digest is written. */
public final class MemoryDigests {
  private MemoryDigests() {}

  /** 16 lower-case hex digits. */
  public static String text(long digest) {
    return String.format("%016x", digest);
  }
}
