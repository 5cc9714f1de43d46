package io.vmferry.streams.snapshot.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.PackedPages.Piece;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.Mutator;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class PackTableTest {
  private static final UUID GENERATION = new UUID(1, 2);
  private static final int CHECK_BYTES = 32;
  private static final int COUNT_AT = 24;

  private final PackTable table =
      new PackTable(
          GENERATION,
          List.of(
              new Piece(0, List.of(new PageRun(0, 8192), new PageRun(1L << 32, 4096))),
              new Piece(1, List.of(new PageRun(40960, 4096)))),
          List.of(new ChunkName(1, 2, 3, 4), new ChunkName(5, 6, 7, 8)));

  @Test
  void comesBackAsItWas() throws Exception {
    byte[] file = table.encode(null);

    PackTable read = PackTable.decode(file, GENERATION, null);

    assertEquals(table, read);
    assertArrayEquals(file, read.encode(null));
    assertEquals(28 + 2 * 36 + 3 * 16 + 32, file.length);
    PackTable empty = PackTable.empty(GENERATION);
    assertEquals(empty, PackTable.decode(empty.encode(null), GENERATION, null));
  }

  @Test
  void everyByteCounts() {
    byte[] file = table.encode(null);
    for (int at = 0; at < file.length; at++) {
      byte[] changed = file.clone();
      changed[at] ^= 1;
      assertThrows(
          SnapshotException.class, () -> PackTable.decode(changed, GENERATION, null), "byte " + at);
      byte[] cut = Arrays.copyOf(file, at);
      assertThrows(SnapshotException.class, () -> PackTable.decode(cut, GENERATION, null));
    }
  }

  @Test
  void aTableOfAnotherSnapshotIsNone() {
    SnapshotException refused =
        assertThrows(
            SnapshotException.class,
            () -> PackTable.decode(table.encode(null), new UUID(1, 3), null));
    assertEquals("it is of another snapshot", refused.getMessage());
  }

  @Test
  void whatIsWrongIsRefusedEvenIfTheDigestIsRight() throws Exception {
    // More pieces than there are, fewer, and as many as no list has.
    for (int count : new int[] {3, 1, Integer.MAX_VALUE, -1}) {
      byte[] body = body();
      ByteBuffer.wrap(body).order(ByteOrder.LITTLE_ENDIAN).putInt(COUNT_AT, count);
      assertRefused(body);
    }
    byte[] longer = body();
    ByteBuffer.wrap(longer)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(COUNT_AT + 4 + 36 + 8, PackedPages.PIECE_BYTES);
    assertRefused(longer);
    assertRefused(Arrays.copyOf(body(), body().length + 1));
  }

  private byte[] body() {
    byte[] file = table.encode(null);
    return Arrays.copyOf(file, file.length - CHECK_BYTES);
  }

  private static void assertRefused(byte[] body) throws Exception {
    byte[] file = checked(body);
    SnapshotException refused =
        assertThrows(SnapshotException.class, () -> PackTable.decode(file, GENERATION, null));
    assertEquals("it is damaged", refused.getMessage());
  }

  private static byte[] checked(byte[] body) throws Exception {
    byte[] file = Arrays.copyOf(body, body.length + CHECK_BYTES);
    byte[] sum = MessageDigest.getInstance("SHA-256").digest(body);
    System.arraycopy(sum, 0, file, body.length, sum.length);
    return file;
  }

  @Test
  void anythingIsReadOrRefused() throws Exception {
    Fuzz.of(PackTableTest.class, 5_000)
        .refusedWith(SnapshotException.class)
        .run(
            random -> {
              byte[] body = new Mutator(random).mutate(body());
              for (Piece piece : PackTable.decode(checked(body), GENERATION, null).pieces()) {
                assertTrue(piece.lengthBytes() > 0);
                assertTrue(piece.lengthBytes() <= PackedPages.PIECE_BYTES);
              }
            });
  }

  @Test
  void hasABound() {
    Piece full = new Piece(0, Collections.nCopies(64, new PageRun(0, 4096)));
    int pieces = (int) (PackTable.MOST_PAGE_BYTES / PackedPages.PIECE_BYTES);
    PackTable most =
        new PackTable(
            GENERATION,
            Collections.nCopies(pieces, full),
            Collections.nCopies(pieces, ChunkName.ZEROS));
    assertTrue(most.fits(), "as many lone pages as one may have");
    PackTable more =
        new PackTable(
            GENERATION,
            Collections.nCopies(2 * pieces, full),
            Collections.nCopies(2 * pieces, ChunkName.ZEROS));
    assertFalse(more.fits());
  }
}
