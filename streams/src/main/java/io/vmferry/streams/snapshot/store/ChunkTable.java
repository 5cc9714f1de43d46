package io.vmferry.streams.snapshot.store;

/**
 * The names of the chunks that something is made of, in order: the memory of a slot, the
 * configuration or the state. Filled by several threads, each its own chunks, and constant once
 * they have ended.
 */
public final class ChunkTable {
  /** Stands for the configuration where a slot is named. */
  public static final int CONFIG = -1;

  /** Stands for the state where a slot is named. */
  public static final int STATE = -2;

  private static final int WORDS = ChunkName.BYTES / Long.BYTES;

  private final int slot;
  private final long lengthBytes;
  private final int chunkBytes;
  private final long[] words;

  /**
   * A table of zeros.
   *
   * @param slot a memslot, {@link #CONFIG} or {@link #STATE}
   * @param lengthBytes of what it describes; the last chunk may be shorter than the others
   * @throws IllegalArgumentException if there are more chunks than a manifest may name
   */
  ChunkTable(int slot, long lengthBytes, int chunkBytes) {
    this.slot = slot;
    this.lengthBytes = lengthBytes;
    this.chunkBytes = chunkBytes;
    long chunks = chunks(lengthBytes, chunkBytes);
    if (chunks > ManifestFormat.MOST_CHUNKS) {
      throw new IllegalArgumentException(lengthBytes + " bytes are too many for a manifest");
    }
    this.words = new long[(int) chunks * WORDS];
  }

  static long chunks(long lengthBytes, int chunkBytes) {
    return lengthBytes / chunkBytes + (lengthBytes % chunkBytes == 0 ? 0 : 1);
  }

  /** The memslot, {@link #CONFIG} or {@link #STATE}. */
  public int slot() {
    return slot;
  }

  /** Length of what it describes, in bytes. */
  public long lengthBytes() {
    return lengthBytes;
  }

  /** How many chunks there are, those of zeros included. */
  public int chunks() {
    return words.length / WORDS;
  }

  /** Length of one chunk, in bytes. */
  public int lengthOf(int chunk) {
    return (int) Math.min(chunkBytes, lengthBytes - (long) chunk * chunkBytes);
  }

  /** The name of a chunk. */
  public ChunkName name(int chunk) {
    int at = chunk * WORDS;
    return new ChunkName(words[at], words[at + 1], words[at + 2], words[at + 3]);
  }

  void set(int chunk, ChunkName name) {
    int at = chunk * WORDS;
    words[at] = name.first();
    words[at + 1] = name.second();
    words[at + 2] = name.third();
    words[at + 3] = name.fourth();
  }

  boolean isZeros(int chunk) {
    int at = chunk * WORDS;
    return (words[at] | words[at + 1] | words[at + 2] | words[at + 3]) == 0;
  }
}
