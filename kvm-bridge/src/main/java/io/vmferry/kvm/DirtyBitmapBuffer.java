package io.vmferry.kvm;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;

/**
 * The dirty bitmap of one memslot, outside the heap: bit {@code i} of word {@code w} is page {@code
 * 64 w + i} of the memslot, in pages of 4 KiB whatever backs them.
 *
 * <p>One thread at a time. The memory goes when neither this object nor a view of it is reachable,
 * so a view never dangles.
 */
public final class DirtyBitmapBuffer implements AutoCloseable {
  private static final int PAGES_PER_WORD = Long.SIZE;

  private final long pages;
  private final int words;
  private LongBuffer bits;
  private final Pointer pointer;
  private boolean open = true;

  /**
   * A clean bitmap.
   *
   * @param pages number of 4 KiB pages of the memslot, at least 1
   */
  public DirtyBitmapBuffer(long pages) {
    long wordCount = (pages + PAGES_PER_WORD - 1) / PAGES_PER_WORD;
    if (pages <= 0 || wordCount > Integer.MAX_VALUE / Long.BYTES) {
      throw new IllegalArgumentException("a memslot cannot have " + pages + " pages");
    }
    this.pages = pages;
    this.words = (int) wordCount;
    ByteBuffer memory =
        ByteBuffer.allocateDirect(words * Long.BYTES).order(ByteOrder.nativeOrder());
    this.bits = memory.asLongBuffer();
    this.pointer = Native.getDirectBufferPointer(memory);
  }

  /** Number of 4 KiB pages. */
  public long pages() {
    return pages;
  }

  /** Number of 64-bit words. */
  public int words() {
    return words;
  }

  /** Word {@code index}; bits past the last page are zero. */
  public long word(long index) {
    return bits().get(Math.toIntExact(index));
  }

  /** Sets word {@code index}. */
  public void setWord(long index, long word) {
    bits().put(Math.toIntExact(index), word);
  }

  /** Whether page {@code page} is marked. */
  public boolean isDirty(long page) {
    return (word(page / PAGES_PER_WORD) >>> (page % PAGES_PER_WORD) & 1) != 0;
  }

  /** Number of marked pages. */
  public long dirtyPages() {
    LongBuffer current = bits();
    long count = 0;
    for (int i = 0; i < words; i++) {
      count += Long.bitCount(current.get(i));
    }
    return count;
  }

  /** The address of word 0, for a native call while this object is reachable. */
  public long address() {
    bits();
    return Pointer.nativeValue(pointer);
  }

  /** All words, sharing this memory, position 0. */
  public LongBuffer view() {
    return bits().duplicate();
  }

  /** Marks every page clean. */
  public void clear() {
    bits();
    pointer.clear((long) words * Long.BYTES);
  }

  /** Further use is an error. Closing twice is harmless. */
  @Override
  public void close() {
    open = false;
    bits = LongBuffer.allocate(0);
  }

  private LongBuffer bits() {
    if (!open) {
      throw new IllegalStateException("dirty bitmap is closed");
    }
    return bits;
  }
}
