package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.PackedPages.Piece;
import io.vmferry.streams.snapshot.SnapshotException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link StorePack} has in which chunk, and its form as a file. A guest runs on these pages:
 * the table is protected as a manifest is.
 *
 * <p>Source: docs/snapshots.md#packed-pages.
 *
 * @param generation of the snapshot
 * @param pieces in the order of demand
 * @param names of the chunks of the pieces
 */
public record PackTable(UUID generation, List<Piece> pieces, List<ChunkName> names) {
  /** Pages that are kept at most, in bytes: as many as one working set has runs. */
  static final long MOST_PAGE_BYTES = 1L << 30;

  /** The longest file, in bytes. */
  public static final int MOST_BYTES = 8 << 20;

  private static final int MAGIC = 0x50574656; // "VFWP"
  private static final short VERSION = 1;
  private static final short ENCRYPTED = 1;
  private static final int HEADER_BYTES = 28;
  private static final int CHECK_BYTES = 32;
  private static final int PIECE_BYTES = ChunkName.BYTES + Integer.BYTES;
  private static final int RUN_BYTES = 2 * Long.BYTES;

  /** Copies the lists. */
  public PackTable {
    pieces = List.copyOf(pieces);
    names = List.copyOf(names);
  }

  /** A table of nothing. */
  static PackTable empty(UUID generation) {
    return new PackTable(generation, List.of(), List.of());
  }

  /** All runs, in the order of demand. */
  List<PageRun> runs() {
    return pieces.stream().flatMap(piece -> piece.runs().stream()).toList();
  }

  /** Bytes of the file. */
  private int sizeBytes() {
    int runs = pieces.stream().mapToInt(piece -> piece.runs().size()).sum();
    return HEADER_BYTES + pieces.size() * PIECE_BYTES + runs * RUN_BYTES + CHECK_BYTES;
  }

  /** Whether {@link #decode} would take it. */
  boolean fits() {
    return sizeBytes() <= MOST_BYTES;
  }

  /**
   * As a file.
   *
   * @param key what the snapshot is encrypted with, null if it is not
   */
  byte[] encode(@Nullable StoreKey key) {
    ByteBuffer file = ByteBuffer.allocate(sizeBytes()).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(MAGIC).putShort(VERSION).putShort(key == null ? 0 : ENCRYPTED);
    ManifestFormat.put(file, generation);
    file.putInt(pieces.size());
    for (Piece piece : pieces) {
      file.order(ByteOrder.BIG_ENDIAN);
      names.get(piece.index()).put(file);
      file.order(ByteOrder.LITTLE_ENDIAN).putInt(piece.runs().size());
      piece.runs().forEach(run -> file.putLong(run.gpa()).putLong(run.lengthBytes()));
    }
    return file.put(check(file.array(), file.position(), key)).array();
  }

  /**
   * Reads a file.
   *
   * @param generation of the snapshot it must belong to
   * @throws SnapshotException with what is wrong, as the end of a sentence
   */
  static PackTable decode(byte[] file, UUID generation, @Nullable StoreKey key)
      throws SnapshotException {
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int end = file.length - CHECK_BYTES;
    if (end < HEADER_BYTES || file.length > MOST_BYTES || in.getInt() != MAGIC) {
      throw new SnapshotException("it is none");
    }
    if (in.getShort() != VERSION) {
      throw new SnapshotException("it is of another version");
    }
    if (in.getShort() != (key == null ? 0 : ENCRYPTED)) {
      throw new SnapshotException(key == null ? "it is encrypted" : "it is not encrypted");
    }
    if (!MessageDigest.isEqual(check(file, end, key), Arrays.copyOfRange(file, end, file.length))) {
      throw new SnapshotException(
          key == null ? "it is damaged" : "it is damaged, or was not made with this key");
    }
    if (!ManifestFormat.uuid(in).equals(generation)) {
      throw new SnapshotException("it is of another snapshot");
    }
    try {
      return pieces(in.limit(end), generation);
    } catch (RuntimeException e) {
      // Whoever can make a digest can make anything.
      throw new SnapshotException("it is damaged", e);
    }
  }

  private static PackTable pieces(ByteBuffer in, UUID generation) {
    int count = in.getInt();
    List<Piece> pieces = new ArrayList<>();
    List<ChunkName> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add(ChunkName.get(in.order(ByteOrder.BIG_ENDIAN)));
      int runs = in.order(ByteOrder.LITTLE_ENDIAN).getInt();
      long bytes = 0;
      List<PageRun> all = new ArrayList<>();
      for (int run = 0; run < runs; run++) {
        PageRun next = new PageRun(in.getLong(), in.getLong());
        bytes = Math.addExact(bytes, next.lengthBytes());
        all.add(next);
      }
      if (bytes <= 0 || bytes > PackedPages.PIECE_BYTES) {
        throw new IllegalArgumentException("a piece of " + bytes + " bytes");
      }
      pieces.add(new Piece(i, all));
    }
    if (in.hasRemaining()) {
      throw new IllegalArgumentException("bytes behind the last piece");
    }
    return new PackTable(generation, pieces, names);
  }

  private static byte[] check(byte[] file, int end, @Nullable StoreKey key) {
    return key == null ? ChunkDigest.sha256(file, end) : StoreKey.mac(key.packs(), file, end);
  }
}
