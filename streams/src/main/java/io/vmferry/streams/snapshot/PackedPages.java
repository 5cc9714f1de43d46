package io.vmferry.streams.snapshot;

import io.vmferry.streams.pages.PageRun;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Pages of a working set that are kept a second time, next to each other: for a snapshot in which
 * each of them lies among others that are not wanted, and must be read and unpacked with them. They
 * are as good to run a guest on as the snapshot's own.
 *
 * <p>Thread-safe.
 */
public interface PackedPages {
  /**
   * Pages that are read at once.
   *
   * @param index of the piece
   * @param runs of the guest's memory, in the order of their bytes in the piece
   */
  record Piece(int index, List<PageRun> runs) {
    /** Copies the list. */
    public Piece {
      runs = List.copyOf(runs);
    }

    /** Its length in bytes. */
    public int lengthBytes() {
      return (int) runs.stream().mapToLong(PageRun::lengthBytes).sum();
    }
  }

  /** The longest piece, in bytes. */
  int PIECE_BYTES = 256 << 10;

  /**
   * What is kept, in the order of demand; nothing if nothing is.
   *
   * @throws IOException with what is wrong, as a sentence
   */
  List<Piece> pieces() throws IOException;

  /**
   * Reads a piece.
   *
   * @param into a direct buffer with exactly the piece's length of room; its position stays. What
   *     is in it afterwards may be used only if this returns
   * @throws IOException if it is missing or damaged; {@link #add} keeps everything anew then
   */
  void read(Piece piece, ByteBuffer into) throws IOException;

  /**
   * Keeps what is not kept yet, as far as that spares a reader something.
   *
   * @param runs the working set, in the order of demand
   * @param progress told how far it is; not at all where nothing is to be done
   * @throws IOException if the snapshot cannot be read or there is no room
   */
  void add(List<PageRun> runs, Progress progress) throws IOException;

  /** Follows {@link #add}, on its thread. */
  interface Progress {
    /** So many bytes of memory are to be kept. */
    default void begins(long bytes) {}

    /** So many more are. */
    void done(long bytes);
  }
}
