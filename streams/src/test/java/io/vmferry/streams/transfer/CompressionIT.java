package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.compression.BlockCodec;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.wire.CompressedHeader;
import io.vmferry.streams.wire.CompressionAlgorithm;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.stream.KillSwitches;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compressed memory between two guest memories over real sockets. */
@Timeout(60)
class CompressionIT {
  @AutoClose private static final StreamSystem streams = new StreamSystem("CompressionIT");

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory source = hosts.source();
  private final GuestMemory destination = hosts.destination();
  private final Throttle throttle = Throttle.unlimited();
  private final AtomicLong wireBytes = new AtomicLong();
  private CompletableFuture<ReceivedMemory> received;

  @ParameterizedTest
  @CsvSource({"ZSTD, 1", "ZSTD, 4", "LZ4, 1", "LZ4, 3", "AUTO, 1", "AUTO, 4"})
  void roundsLeaveEqualMemories(Compression compression, int connections) throws Exception {
    Random random = Guests.random("CompressionIT " + compression + " over " + connections);
    connect(connections);
    fillWithWords(source, random);
    Guests.fillSome(source, random, 5);
    PageEncoding encoding = PageEncoding.of(Extensions.known(), compression);

    send(new SnapshotRuns(source), encoding.withoutZeros());
    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    for (int i = 0; i < 3; i++) {
      List<PageRun> dirty = Guests.dirty(source, random);
      dirty.stream()
          .filter(run -> random.nextBoolean())
          .forEach(run -> source.write(run.start(), new byte[Guests.PAGE]));
      send(dirty.iterator(), encoding);
      assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"ZSTD", "LZ4"})
  void wordsTakeLessThanHalf(Compression compression) throws Exception {
    connect(1);
    fillWithWords(source, new Random(1));

    RoundResult result =
        send(new SnapshotRuns(source), PageEncoding.of(Extensions.known(), compression));

    assertEquals(source.sizeBytes(), result.bytes());
    assertTrue(wireBytes.get() < source.sizeBytes() / 2, wireBytes + " bytes");
    assertTrue(hosts.pairs().get(0).source().bytesWritten() < source.sizeBytes() / 2);
  }

  @ParameterizedTest
  @EnumSource(
      value = Compression.class,
      names = {"ZSTD", "LZ4"})
  void noiseGoesAsItIs(Compression compression) throws Exception {
    connect(1);
    Guests.fillSome(source, new Random(1), 1);

    send(new SnapshotRuns(source), PageEncoding.of(Extensions.known(), compression));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    long blocks = source.sizeBytes() / BlockSender.BLOCK_BYTES;
    assertTrue(wireBytes.get() <= source.sizeBytes() + 4 * blocks, wireBytes + " bytes");
  }

  @Test
  void withoutTheExtensionNothingIsCompressed() throws Exception {
    connect(1);
    fillWithWords(source, new Random(1));

    send(new SnapshotRuns(source), PageEncoding.of(Extensions.NONE, Compression.ZSTD));

    assertEquals(source.sizeBytes(), wireBytes.get());
  }

  @Test
  void autoIsOnWhereTheLinkIsSlow() throws Exception {
    connect(1);
    fillWithWords(source, new Random(1));
    throttle.setBytesPerSecond(20 << 20);

    send(new SnapshotRuns(source), PageEncoding.of(Extensions.known(), Compression.AUTO));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    assertTrue(wireBytes.get() < source.sizeBytes() * 2 / 3, wireBytes + " bytes");
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aBlockThatIsNoSuchBlockIsRefused(CompressionAlgorithm algorithm) throws Exception {
    connect(1);
    sendTable(algorithm, 4096, 0, 4096);
    sendBlock(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});

    assertRefused("block of 4096 bytes");
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aDamagedBlockIsRefused(CompressionAlgorithm algorithm) throws Exception {
    connect(1);
    byte[] packed = packed(algorithm, new byte[4096]);
    packed[0] ^= (byte) 0xff;
    sendTable(algorithm, 4096, 0, 4096);
    sendBlock(packed);

    assertRefused("block of 4096 bytes");
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aBombIsRefusedBeforeItGoesOff(CompressionAlgorithm algorithm) throws Exception {
    connect(1);
    byte[] bomb = packed(algorithm, new byte[64 << 20]);
    sendTable(algorithm, 1 << 20, 0, 1 << 20);
    sendBlock(bomb.length < 1 << 20 ? bomb : Arrays.copyOf(bomb, (1 << 20) - 1));

    assertRefused("block of 1048576 bytes");
    assertEquals(0, destination.regions().get(0).memfd().allocatedBytes());
  }

  @ParameterizedTest
  @EnumSource(CompressionAlgorithm.class)
  void aBlockThatIsTooShortIsRefused(CompressionAlgorithm algorithm) throws Exception {
    connect(1);
    sendTable(algorithm, 8192, 0, 8192);
    sendBlock(packed(algorithm, new byte[4096]));

    assertRefused("block of 8192 bytes");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4097, -1, Integer.MAX_VALUE})
  void aBlockOfAnImpossibleLengthIsRefused(int length) throws Exception {
    connect(1);
    sendTable(CompressionAlgorithm.ZSTD, 1 << 20, 0, 4096);
    write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(length).flip());

    assertRefused("a block of 1 to 4096 bytes");
  }

  @Test
  void rangesBeyondTheGuestsMemoryAreRefused() throws Exception {
    connect(1);
    sendTable(CompressionAlgorithm.LZ4, 4096, 0, Guests.LOW_BYTES, 0, Guests.LOW_BYTES);

    assertRefused("at most the guest's");
  }

  @Test
  void aTableOutsideTheMemoryIsRefused() throws Exception {
    connect(1);
    sendTable(CompressionAlgorithm.LZ4, 4096, 1L << 50, 4096);

    assertRefused("inside one region");
  }

  @Test
  void aPeerThatVanishesInsideABlockIsAnError() throws Exception {
    connect(1);
    sendTable(CompressionAlgorithm.LZ4, 4096, 0, 4096);
    write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(100).flip());
    hosts.pairs().get(0).source().close();

    assertInstanceOf(EOFException.class, failure());
  }

  private void connect(int connections) throws IOException {
    hosts.connect(connections);
    received = hosts.receive(Extensions.known(), streams.materializer()).get(connections - 1);
  }

  private RoundResult send(Iterator<PageRun> runs, PageEncoding encoding) throws Exception {
    return new PrecopySender(streams.materializer())
        .sendRound(
            new PrecopyRound(runs, encoding, DirtyAgain.NEVER),
            source,
            hosts.sources(),
            throttle,
            KillSwitches.shared("round"),
            (memory, wire) -> wireBytes.addAndGet(wire))
        .toCompletableFuture()
        .get(30, SECONDS);
  }

  /** Every page differs from the others and has few different words. */
  private static void fillWithWords(GuestMemory memory, Random random) {
    for (GuestRegion region : memory.regions()) {
      ByteBuffer words = ByteBuffer.allocateDirect((int) region.sizeBytes());
      while (words.hasRemaining()) {
        words.putLong((1 + random.nextInt(300)) * 0x12_3456_789aL);
      }
      region.mapping().copyIn(0, words.flip());
    }
  }

  private static byte[] packed(CompressionAlgorithm algorithm, byte[] raw) {
    ByteBuffer from = ByteBuffer.allocateDirect(raw.length).put(raw).flip();
    ByteBuffer into = ByteBuffer.allocateDirect(BlockCodec.bound(raw.length));
    try (BlockCodec codec = BlockCodec.of(algorithm)) {
      byte[] packed = new byte[codec.compress(from, into)];
      into.get(packed);
      return packed;
    }
  }

  private void sendTable(CompressionAlgorithm algorithm, int blockBytes, long... ranges)
      throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16 + 8 + ranges.length * 8);
    Request.memoryCompressed(ranges.length / 2).encode(frame);
    new CompressedHeader(algorithm, blockBytes).encode(frame);
    for (int i = 0; i < ranges.length; i += 2) {
      MemoryRangeTable.append(ranges[i], ranges[i + 1], frame);
    }
    write(frame.flip());
  }

  private void sendBlock(byte[] packed) throws IOException {
    write(
        ByteBuffer.allocate(4 + packed.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(packed.length)
            .put(packed)
            .flip());
  }

  private void write(ByteBuffer bytes) throws IOException {
    hosts.pairs().get(0).source().writeFully(bytes);
  }

  private void assertRefused(String expected) throws Exception {
    ByteBuffer frame = ByteBuffer.allocate(16);
    hosts.pairs().get(0).source().readFully(frame);
    assertFalse(Response.decode(frame.flip()).isOk());
    ProtocolException refused = assertInstanceOf(ProtocolException.class, failure());
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    assertTrue(refused.offset() >= 16, refused.getMessage());
  }

  private Throwable failure() {
    return assertThrows(ExecutionException.class, () -> received.get(30, SECONDS)).getCause();
  }

  @Test
  void pagesOfARunAcrossBlocksKeepTheirPlaces() throws Exception {
    connect(1);
    List<PageRun> runs = new ArrayList<>();
    for (long page = 1; page < 400; page += 3) {
      source.write(new Gpa(page * Guests.PAGE), new byte[] {(byte) page, (byte) (page >> 8), 1});
      runs.add(new PageRun(page * Guests.PAGE, Guests.PAGE));
    }

    send(runs.iterator(), PageEncoding.of(Extensions.known(), Compression.LZ4));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
  }
}
