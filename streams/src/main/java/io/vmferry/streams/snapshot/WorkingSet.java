package io.vmferry.streams.snapshot;

import io.vmferry.streams.pages.PageRun;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The pages of a snapshot that guests demanded when they were restored from it, and its form as a
 * file.
 *
 * <p>It decides in which order pages are loaded and nothing else, so it needs no protection against
 * fraud: its checksum is against damage.
 *
 * <p>Source: docs/snapshots.md#working-set.
 *
 * @param generation of the snapshot
 * @param runs in the order they were demanded; at most {@link #MOST_RUNS}
 */
public record WorkingSet(UUID generation, List<PageRun> runs) {
  /** As many runs as 1 GiB has pages, should no two of them be neighbours: 4 MiB of file. */
  public static final int MOST_RUNS = 1 << 18;

  private static final int HEADER_BYTES = 32;
  private static final int CHECKSUM_AT = 28;
  private static final int RUN_BYTES = 16;

  /** The longest file, in bytes. */
  public static final int MOST_BYTES = HEADER_BYTES + MOST_RUNS * RUN_BYTES;

  private static final int MAGIC = 0x53574656; // "VFWS"
  private static final short VERSION = 1;

  /** Copies the list. */
  public WorkingSet {
    runs = List.copyOf(runs);
    if (runs.size() > MOST_RUNS) {
      throw new IllegalArgumentException(runs.size() + " runs in one working set");
    }
  }

  /** As a file. */
  public byte[] encode() {
    ByteBuffer file =
        ByteBuffer.allocate(HEADER_BYTES + runs.size() * RUN_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(MAGIC)
            .putShort(VERSION)
            .putShort((short) 0)
            .order(ByteOrder.BIG_ENDIAN) // A UUID is bytes in order.
            .putLong(generation.getMostSignificantBits())
            .putLong(generation.getLeastSignificantBits())
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(runs.size())
            .putInt(0);
    runs.forEach(run -> file.putLong(run.gpa()).putLong(run.lengthBytes()));
    return file.putInt(CHECKSUM_AT, checksum(file.array())).array();
  }

  /**
   * Reads a file.
   *
   * @throws SnapshotException with what is wrong, as the end of a sentence
   */
  public static WorkingSet decode(byte[] file) throws SnapshotException {
    if (file.length > MOST_BYTES) {
      throw new SnapshotException("it is too long");
    }
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    if (file.length < HEADER_BYTES || in.getInt() != MAGIC) {
      throw new SnapshotException("it is none");
    }
    if (in.getShort() != VERSION) {
      throw new SnapshotException("it is of another version");
    }
    in.getShort();
    in.order(ByteOrder.BIG_ENDIAN);
    UUID generation = new UUID(in.getLong(), in.getLong());
    in.order(ByteOrder.LITTLE_ENDIAN);
    int count = in.getInt();
    if (in.getInt() != checksum(file) || in.remaining() != (long) count * RUN_BYTES) {
      throw new SnapshotException("it is damaged");
    }
    List<PageRun> runs = new ArrayList<>(count);
    try {
      while (in.hasRemaining()) {
        runs.add(new PageRun(in.getLong(), in.getLong()));
      }
    } catch (IllegalArgumentException e) {
      throw new SnapshotException("it is damaged", e);
    }
    return new WorkingSet(generation, runs);
  }

  /** Of everything but itself. */
  private static int checksum(byte[] file) {
    CRC32C checksum = new CRC32C();
    checksum.update(file, 0, CHECKSUM_AT);
    checksum.update(file, HEADER_BYTES, file.length - HEADER_BYTES);
    return (int) checksum.getValue();
  }
}
