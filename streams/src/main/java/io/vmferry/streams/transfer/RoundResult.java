package io.vmferry.streams.transfer;

/**
 * What a round moved; all of it is acknowledged.
 *
 * @param bytes bytes of guest memory
 * @param ranges entries of the range tables
 * @param chunks Memory commands
 * @param elapsedNanos from the call to the last acknowledgement
 */
public record RoundResult(long bytes, long ranges, long chunks, long elapsedNanos) {
  static final RoundResult NOTHING = new RoundResult(0, 0, 0, 0);

  RoundResult plus(Chunk chunk) {
    return new RoundResult(
        bytes + chunk.bytes(), ranges + chunk.runs().size(), chunks + 1, elapsedNanos);
  }

  RoundResult in(long nanos) {
    return new RoundResult(bytes, ranges, chunks, nanos);
  }
}
