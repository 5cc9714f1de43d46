package io.vmferry.actors.guest;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the host writes into an idle guest's memory before it boots, so that a migration has
 * something to send. The content depends on the page number alone: it is the same every time, no
 * two pages are alike, and no page compresses.
 */
public enum MemoryFill {
  /** Every page has content. */
  RANDOM("random", 1, 1),
  /** One page in ten has content, the others are zero: the dearest way to lie for what is left. */
  ZERO90("zero90", 10, 1),
  /** One stretch of 2 MiB in ten has content: a guest that has never used most of its memory. */
  FREE90("free90", 10, 512);

  /** The unit of the content. */
  public static final int PAGE_BYTES = 4096;

  private static final int CHUNK_BYTES = 1 << 20;
  // A seed of zero would make xorshift stand still: the odd constant keeps pages apart from it.
  private static final long GOLDEN = 0x9e37_79b9_7f4a_7c15L;

  private final String word;
  private final int everyNth;
  private final int stretchPages;

  MemoryFill(String word, int everyNth, int stretchPages) {
    this.word = word;
    this.everyNth = everyNth;
    this.stretchPages = stretchPages;
  }

  /** How it is written in options and requests. */
  public String word() {
    return word;
  }

  /** The words of all, as one writes them in a sentence. */
  public static String words() {
    List<String> words = Arrays.stream(values()).map(MemoryFill::word).toList();
    int last = words.size() - 1;
    return String.join(", ", words.subList(0, last)) + " or " + words.get(last);
  }

  /**
   * Finds a fill by its word.
   *
   * @throws IllegalArgumentException with one sentence for the user if there is none
   */
  public static MemoryFill parse(String word) {
    MemoryFill fill = find(word);
    if (fill == null) {
      throw new IllegalArgumentException("There is no fill '" + word + "': write " + words());
    }
    return fill;
  }

  /** The fill of a word, null if there is none. */
  public static @Nullable MemoryFill find(String word) {
    for (MemoryFill fill : values()) {
      if (fill.word.equals(word)) {
        return fill;
      }
    }
    return null;
  }

  /** Fills memory above what the guest programs use themselves. */
  public void fill(GuestMemory memory) {
    ByteBuffer chunk = DirectBuffers.allocate(CHUNK_BYTES);
    for (GuestRegion region : memory.regions()) {
      long start = Math.max(region.base().value(), GuestLayout.WORKING_SET);
      for (long gpa = start; gpa < region.end().value(); gpa += CHUNK_BYTES) {
        int length = (int) Math.min(CHUNK_BYTES, region.end().value() - gpa);
        if (everyNth == 1) {
          chunk.clear().limit(length);
          fill(gpa / PAGE_BYTES, chunk);
          memory.write(new Gpa(gpa), chunk.flip());
        } else {
          fillSparsely(memory, chunk, gpa, length);
        }
      }
    }
  }

  /** Pages without content are not touched: they stay holes, as in a guest that never used them. */
  private void fillSparsely(GuestMemory memory, ByteBuffer page, long gpa, int length) {
    for (long at = gpa; at < gpa + length; at += PAGE_BYTES) {
      if (hasContent(at / PAGE_BYTES)) {
        page.clear().limit(PAGE_BYTES);
        fill(at / PAGE_BYTES, page);
        memory.write(new Gpa(at), page.flip());
      }
    }
  }

  /**
   * Writes the content of pages into a buffer, zeros included, to its limit.
   *
   * @param firstPage the number of the page at the buffer's position
   * @param into whole pages
   */
  public void fill(long firstPage, ByteBuffer into) {
    for (long page = firstPage; into.hasRemaining(); page++) {
      boolean content = hasContent(page);
      long x = (page + 1) * GOLDEN;
      for (int i = 0; i < PAGE_BYTES; i += Long.BYTES) {
        x ^= x << 13;
        x ^= x >>> 7;
        x ^= x << 17;
        into.putLong(content ? x : 0);
      }
    }
  }

  private boolean hasContent(long page) {
    return page / stretchPages % everyNth == 0;
  }
}
