package io.vmferry.streams.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.wire.CompressionAlgorithm;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The choice against a link of which the test knows what it takes. */
class CompressionChoiceTest {
  private static final long CHUNK = 16L << 20;

  // Nanoseconds a byte: what a link takes, and what the codecs take with half and a third left.
  private static final double LOOPBACK = 0.4;
  private static final double GIGABIT = 8.5;
  private static final double HUNDRED_MEGABIT = 85;
  private static final double LZ4 = 1.5;
  private static final double ZSTD = 4;

  private final CompressionChoice auto = new CompressionChoice(Compression.AUTO);
  private double decompression;

  @Test
  void staysOffWhereTheLinkIsFasterThanTheCodec() {
    assertEquals(0, compressed(1000, LOOPBACK));
  }

  @Test
  void isOnFromTheSecondChunkOfASlowLink() {
    assertNull(send(GIGABIT));
    assertEquals(CompressionAlgorithm.LZ4, send(GIGABIT));
  }

  @Test
  void takesTheAlgorithmThatSuitsTheLink() {
    send(HUNDRED_MEGABIT);

    assertEquals(CompressionAlgorithm.ZSTD, send(HUNDRED_MEGABIT));
  }

  @Test
  void aRawChunkNowAndThenNoticesThatTheLinkBecameFaster() {
    assertTrue(compressed(100, GIGABIT) > 90);

    compressed(100, LOOPBACK);

    assertEquals(0, compressed(7, LOOPBACK));
  }

  @Test
  void aLinkThatBecomesSlowerTurnsItOn() {
    assertEquals(0, compressed(100, LOOPBACK));

    compressed(30, HUNDRED_MEGABIT);

    assertTrue(compressed(100, HUNDRED_MEGABIT) > 90);
  }

  @Test
  void aPredictionThatTheDestinationCannotKeepIsTriedMoreAndMoreSeldom() {
    decompression = 10;

    int early = compressed(200, GIGABIT);
    int late = compressed(200, GIGABIT);

    assertTrue(early > 0);
    assertTrue(late <= 2, late + " chunks compressed in vain");
  }

  @Test
  void whatTheUserWantsIsNotMeasured() {
    CompressionChoice zstd = new CompressionChoice(Compression.ZSTD);
    CompressionChoice off = new CompressionChoice(Compression.OFF);
    for (int i = 0; i < 100; i++) {
      assertEquals(CompressionAlgorithm.ZSTD, zstd.next());
      zstd.sent(CompressionAlgorithm.ZSTD, CHUNK, CHUNK * 100);
      assertNull(off.next());
      off.sent(null, CHUNK, CHUNK * 100);
      assertFalse(zstd.wantsSample() || off.wantsSample());
    }
    assertTrue(zstd.mayCompress());
    assertFalse(off.mayCompress());
  }

  @Test
  void aChunkLastsAQuarterOfASecond() {
    assertEquals(4 << 20, auto.chunkBytes(64 << 20));

    send(LOOPBACK);
    assertEquals(64 << 20, auto.chunkBytes(64 << 20));

    CompressionChoice slow = new CompressionChoice(Compression.OFF);
    slow.sent(null, CHUNK, (long) (CHUNK * HUNDRED_MEGABIT));
    assertEquals(250_000_000 / HUNDRED_MEGABIT, (double) slow.chunkBytes(64 << 20), 1);
    slow.sent(null, CHUNK, CHUNK * 100_000);
    assertEquals(1 << 20, slow.chunkBytes(64 << 20));
  }

  private int compressed(int chunks, double link) {
    int compressed = 0;
    for (int i = 0; i < chunks; i++) {
      if (send(link) != null) {
        compressed++;
      }
    }
    return compressed;
  }

  /** Sends one chunk and does what a sender does. */
  private @Nullable CompressionAlgorithm send(double link) {
    CompressionAlgorithm algorithm = auto.next();
    double cost = algorithm == null ? link : cost(algorithm) + link * left(algorithm);
    cost += algorithm == null ? 0 : decompression;
    auto.sent(algorithm, CHUNK, (long) (CHUNK * cost));
    if (auto.wantsSample()) {
      for (CompressionAlgorithm each : CompressionAlgorithm.values()) {
        int bytes = CompressionChoice.SAMPLE_BYTES;
        auto.sampled(each, bytes, (long) (bytes * left(each)), (long) (bytes * cost(each)));
      }
    }
    return algorithm;
  }

  private static double cost(CompressionAlgorithm algorithm) {
    return algorithm == CompressionAlgorithm.LZ4 ? LZ4 : ZSTD;
  }

  private static double left(CompressionAlgorithm algorithm) {
    return algorithm == CompressionAlgorithm.LZ4 ? 1.0 / 2 : 1.0 / 3;
  }
}
