package io.vmferry.streams.compression;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockCodecTest {
  private static final int BLOCK = 256 * 1024;

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void givesBackWhatItWasGiven(CompressionAlgorithm algorithm) throws Exception {
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      ByteBuffer text = text();
      ByteBuffer packed = packed(codec, text);

      ByteBuffer back = ByteBuffer.allocateDirect(BLOCK);
      codec.decompress(packed, back);

      assertEquals(text, back);
      assertTrue(packed.remaining() < BLOCK / 2, packed.remaining() + " bytes");
    }
  }

  @Test
  void whatWasUnpackedIsRemovedOnceItIsLoaded() throws Exception {
    BlockCodec.load();

    List<String> libraries =
        Files.readAllLines(Path.of("/proc/self/maps")).stream()
            .filter(mapping -> mapping.contains("/liblz4-java"))
            .toList();
    assertFalse(libraries.isEmpty());
    for (String library : libraries) {
      assertTrue(library.endsWith(" (deleted)"), library);
    }
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void theBoundHoldsForNoise(CompressionAlgorithm algorithm) {
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      for (int bytes : new int[] {1, 4096, BLOCK, 1 << 20}) {
        byte[] noise = new byte[bytes];
        new Random(bytes).nextBytes(noise);
        ByteBuffer raw = ByteBuffer.allocateDirect(bytes).put(noise).flip();

        int length = codec.compress(raw, ByteBuffer.allocateDirect(BlockCodec.bound(bytes)));

        assertTrue(length <= BlockCodec.bound(bytes), bytes + " became " + length);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aBlockOfAnotherLengthIsRefused(CompressionAlgorithm algorithm) {
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      ByteBuffer packed = packed(codec, text());

      for (int room : new int[] {BLOCK - 1, BLOCK + 1, 4096, 1}) {
        assertThrows(
            ProtocolException.class,
            () -> codec.decompress(packed, ByteBuffer.allocateDirect(room)));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aDamagedBlockNeverWritesOutsideItsRoom(CompressionAlgorithm algorithm) throws Exception {
    long seed = System.nanoTime();
    System.out.println("BlockCodecTest seed " + seed);
    Random random = new Random(seed);
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      ByteBuffer good = packed(codec, text());
      ByteBuffer guarded = ByteBuffer.allocateDirect(BLOCK + 8192);
      int refused = 0;
      for (int round = 0; round < 2000; round++) {
        ByteBuffer bad = ByteBuffer.allocateDirect(good.remaining()).put(good.duplicate()).flip();
        if (random.nextBoolean()) {
          bad.limit(1 + random.nextInt(bad.limit()));
        }
        for (int i = random.nextInt(20); i >= 0; i--) {
          bad.put(random.nextInt(bad.limit()), (byte) random.nextInt());
        }
        try {
          codec.decompress(bad, guarded.clear().limit(4096 + BLOCK).position(4096));
        } catch (ProtocolException e) {
          refused++;
        }
      }
      guarded.clear();
      for (int i = 0; i < 4096; i++) {
        assertEquals(0, guarded.get(i));
        assertEquals(0, guarded.get(4096 + BLOCK + i));
      }
      assertTrue(refused > 1000, refused + " refused");
    }
  }

  private static ByteBuffer packed(BlockCodec codec, ByteBuffer raw) {
    ByteBuffer packed = ByteBuffer.allocateDirect(BlockCodec.bound(raw.remaining()));
    return packed.limit(codec.compress(raw, packed));
  }

  /** Words in random order: compressible, and not in one step. */
  private static ByteBuffer text() {
    Random random = new Random(7);
    ByteBuffer text = ByteBuffer.allocateDirect(BLOCK);
    while (text.remaining() >= 8) {
      text.putLong(random.nextInt(500) * 0x1234_5678_9abcL);
    }
    return text.flip();
  }
}
