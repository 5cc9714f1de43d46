package io.vmferry.streams.transfer;

/** Hears what a round moves, on the connections' threads. */
@FunctionalInterface
public interface SendProgress {
  /**
   * A write is through.
   *
   * @param memoryBytes guest memory that it settled
   * @param wireBytes what it took on the connection, without headers and tables of Memory
   */
  void sent(long memoryBytes, long wireBytes);
}
