package io.vmferry.streams.transfer;

/**
 * What a round moved; all of it is acknowledged.
 *
 * @param bytes bytes of guest memory that were sent
 * @param zeroBytes bytes of guest memory that were sent as zero ranges
 * @param skippedBytes bytes of guest memory that were left out because they are dirty again
 * @param ranges entries of the range tables
 * @param chunks commands
 * @param elapsedNanos from the call to the last acknowledgement
 */
public record RoundResult(
    long bytes, long zeroBytes, long skippedBytes, long ranges, long chunks, long elapsedNanos) {
  static final RoundResult NOTHING = new RoundResult(0, 0, 0, 0, 0, 0);

  static RoundResult memory(long bytes, long ranges) {
    return new RoundResult(bytes, 0, 0, ranges, 1, 0);
  }

  static RoundResult zeros(long bytes, long ranges) {
    return new RoundResult(0, bytes, 0, ranges, 1, 0);
  }

  static RoundResult skipped(long bytes) {
    return new RoundResult(0, 0, bytes, 0, 0, 0);
  }

  RoundResult plus(RoundResult other) {
    return new RoundResult(
        bytes + other.bytes,
        zeroBytes + other.zeroBytes,
        skippedBytes + other.skippedBytes,
        ranges + other.ranges,
        chunks + other.chunks,
        elapsedNanos + other.elapsedNanos);
  }

  RoundResult in(long nanos) {
    return new RoundResult(bytes, zeroBytes, skippedBytes, ranges, chunks, nanos);
  }
}
