package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.SharedKillSwitch;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rounds between two guest memories over real sockets. */
@Timeout(60)
class PrecopyIT {
  private static final int HEADER = 16;
  private static final int MANY_RUNS = 16;
  private static final PageEncoding ZEROS =
      PageEncoding.of(Extensions.of(Extension.ZERO_RANGES), Compression.OFF);
  @AutoClose private static final StreamSystem streams = new StreamSystem("PrecopyIT");

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory source = hosts.source();
  private final GuestMemory destination = hosts.destination();
  private final Throttle throttle = Throttle.unlimited();
  private final SharedKillSwitch killSwitch = KillSwitches.shared("round");
  private final AtomicLong settled = new AtomicLong();
  private final SendProgress progress = (memory, wire) -> settled.addAndGet(memory);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void roundsOverConnectionsLeaveEqualMemories(int connections) throws Exception {
    Random random = Guests.random("PrecopyIT " + connections + " connections");
    long filled = Guests.fillSome(source, random, 3);
    hosts.connect(connections);
    List<CompletableFuture<ReceivedMemory>> receivers = receive();

    RoundResult first = get(round(new SnapshotRuns(source)));
    assertEquals(filled * Guests.PAGE, first.bytes());
    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    long bytes = first.bytes();
    for (int i = 0; i < 3; i++) {
      List<PageRun> dirty = Guests.dirty(source, random);
      assertNotEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
      bytes += get(round(dirty.iterator())).bytes();
      assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    }

    hosts.pairs().forEach(pair -> pair.source().close());
    long received = 0;
    for (CompletableFuture<ReceivedMemory> receiver : receivers) {
      received += get(receiver).bytes();
    }
    assertEquals(bytes, received);
  }

  @Test
  void theFirstRoundLeavesHolesOnBothSides() throws Exception {
    hosts.connect(1);
    receive();
    Guests.fill(source, new Gpa(Guests.HIGH_BASE), new Random(1));
    source.write(new Gpa(2 * Guests.PAGE), new byte[3 * Guests.PAGE]);
    long allocated = source.regions().get(0).memfd().allocatedBytes();

    RoundResult result = get(round(new SnapshotRuns(source)));

    assertEquals(Guests.PAGE, result.bytes());
    assertEquals(1, result.ranges());
    assertEquals(allocated, source.regions().get(0).memfd().allocatedBytes());
    // The page that was sent, or the transparent hugepage around it; nothing for the zero pages.
    long received = destination.regions().get(0).memfd().allocatedBytes();
    assertTrue(received <= PageSize.MIB_2.bytes(), () -> received + " bytes allocated");
    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
  }

  @Test
  void aLaterRoundSendsPagesThatBecameZero() throws Exception {
    hosts.connect(1);
    receive();
    Guests.fill(source, new Gpa(0), new Random(1));
    get(round(new SnapshotRuns(source)));
    source.write(new Gpa(0), new byte[Guests.PAGE]);

    get(round(List.of(new PageRun(0, Guests.PAGE)).iterator()));

    assertEquals(0, MemoryDigest.of(destination));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void aLaterRoundSendsZeroPagesAsRanges(int connections) throws Exception {
    Random random = Guests.random("PrecopyIT zero ranges " + connections + " connections");
    hosts.connect(connections);
    receive();
    Guests.fillSome(source, random, 2);
    get(round(new SnapshotRuns(source)));
    List<PageRun> dirty = Guests.dirty(source, random);
    long zeroed = 0;
    for (PageRun run : dirty) {
      for (long at = 0; at < run.lengthBytes(); at += Guests.PAGE) {
        if (random.nextBoolean()) {
          source.write(run.start().plus(at), new byte[Guests.PAGE]);
          zeroed += Guests.PAGE;
        }
      }
    }
    long before = written();

    RoundResult result = get(round(dirty.iterator(), ZEROS));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    assertEquals(zeroed, result.zeroBytes());
    assertEquals(dirty.stream().mapToLong(PageRun::lengthBytes).sum() - zeroed, result.bytes());
    assertEquals(result.bytes() + 16 * (result.ranges() + result.chunks()), written() - before);
  }

  @Test
  void aRoundOfZerosSendsNoPage() throws Exception {
    hosts.connect(1);
    receive();
    Guests.fillSome(source, new Random(1), 1);
    get(round(new SnapshotRuns(source)));
    source.regions().forEach(r -> r.mapping().fill(0, r.sizeBytes(), (byte) 0));
    long before = written();
    List<PageRun> all =
        source.regions().stream().map(r -> new PageRun(r.base().value(), r.sizeBytes())).toList();

    RoundResult result = get(round(all.iterator(), ZEROS));

    assertEquals(0, MemoryDigest.of(destination));
    assertEquals(new RoundResult(0, source.sizeBytes(), 0, 3, 1, result.elapsedNanos()), result);
    assertEquals(16 + 3 * 16, written() - before);
    assertEquals(0, destination.regions().get(0).memfd().allocatedBytes());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void pagesThatAreDirtyAgainAreLeftToTheNextRound(int connections) throws Exception {
    Random random = Guests.random("PrecopyIT dirty again " + connections + " connections");
    hosts.connect(connections);
    receive();
    Guests.fillSome(source, random, 2);
    get(round(new SnapshotRuns(source)));
    DirtyPages dirty = dirtyPages(Guests.dirty(source, random));
    DirtyPages again = dirtyPages(Guests.dirty(source, random));
    settled.set(0);

    RoundResult first =
        get(round(new PrecopyRound(dirty.runs(), PageEncoding.plain(), () -> again)));
    assertNotEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    RoundResult last = get(round(again.runs()));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
    assertEquals(dirty.or(again).bytes(), first.bytes() + last.bytes());
    assertEquals(dirty.bytes(), first.bytes() + first.skippedBytes());
    assertTrue(first.skippedBytes() > 0);
    assertEquals(dirty.bytes() + again.bytes(), settled.get());
  }

  @Test
  void aLogThatCannotBeReadFailsTheRound() throws Exception {
    hosts.connect(1);
    receive();
    IOException unreadable = new IOException("unreadable");
    DirtyAgain broken =
        () -> {
          throw unreadable;
        };

    Throwable failure =
        failure(
            round(
                new PrecopyRound(
                    List.of(new PageRun(0, Guests.PAGE)).iterator(),
                    PageEncoding.plain(),
                    broken)));

    assertSame(unreadable, failure);
  }

  @Test
  void aRoundWithoutRunsSendsNothing() throws Exception {
    hosts.connect(2);
    receive();

    RoundResult result = get(round(List.<PageRun>of().iterator()));

    assertEquals(0, result.bytes());
    assertEquals(0, hosts.pairs().get(0).source().bytesWritten());
  }

  @Test
  void aByteFlippedInFlightChangesTheDigest() throws Exception {
    hosts.connect(1);
    Guests.fillSome(source, new Random(1), 2);
    Connection flipping = new FlippingConnection(hosts.pairs().get(0).destination(), 5_000_000);
    new MemoryReceiver(destination, Extensions.NONE, bytes -> {})
        .receiveAll(flipping, streams.materializer());

    get(round(new SnapshotRuns(source)));

    assertNotEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aKilledRoundLeavesConnectionsThatWorkOn(int connections) throws Exception {
    Guests.fillSome(source, Guests.random("PrecopyIT kill"), 2);
    hosts.connect(connections);
    receive();
    throttle.setBytesPerSecond(2 << 20);
    IOException cancelled = new IOException("cancelled");
    CountDownLatch begun = new CountDownLatch(1);
    CompletionStage<RoundResult> killed =
        new PrecopySender(streams.materializer())
            .sendRound(
                PrecopyRound.plain(new SnapshotRuns(source)),
                source,
                hosts.sources(),
                throttle,
                killSwitch,
                (memory, wire) -> begun.countDown());
    begun.await();
    killSwitch.abort(cancelled);

    assertSame(cancelled, failure(killed));
    throttle.setBytesPerSecond(Throttle.UNLIMITED);
    get(
        new PrecopySender(streams.materializer())
            .sendRound(
                PrecopyRound.plain(new SnapshotRuns(source)),
                source,
                hosts.sources(),
                throttle,
                KillSwitches.shared("again"),
                (memory, wire) -> {}));

    assertEquals(MemoryDigest.of(source), MemoryDigest.of(destination));
  }

  @Test
  void aRoundThatWasShutDownIsNoResult() throws Exception {
    Guests.fillSome(source, new Random(1), 2);
    hosts.connect(1);
    receive();
    killSwitch.shutdown();

    assertInstanceOf(CancellationException.class, failure(round(new SnapshotRuns(source))));
  }

  @Test
  void aRateChangeReachesARoundThatWaits() throws Exception {
    Guests.fillSome(source, new Random(1), 1);
    hosts.connect(1);
    receive();
    throttle.setBytesPerSecond(1000);
    CountDownLatch begun = new CountDownLatch(1);

    CompletionStage<RoundResult> slow =
        new PrecopySender(streams.materializer())
            .sendRound(
                PrecopyRound.plain(new SnapshotRuns(source)),
                source,
                hosts.sources(),
                throttle,
                killSwitch,
                (memory, wire) -> begun.countDown());
    begun.await();
    throttle.setBytesPerSecond(Throttle.UNLIMITED);

    assertEquals(source.sizeBytes(), get(slow).bytes());
  }

  @Test
  void runsAreAskedForOnlyAsChunksLeave() throws Exception {
    hosts.connect(2);
    AtomicLong asked = new AtomicLong();
    Iterator<PageRun> endless =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public PageRun next() {
            asked.addAndGet(Guests.LOW_BYTES);
            return new PageRun(0, Guests.LOW_BYTES);
          }
        };

    // Nobody reads: each lane blocks in its first chunk.
    CompletionStage<RoundResult> stuck = round(endless);
    ByteBuffer some = ByteBuffer.allocate(1 << 20);
    for (Pair pair : hosts.pairs()) {
      pair.destination().readFully(some.clear());
    }
    hosts.disconnect();

    assertInstanceOf(IOException.class, failure(stuck));
    assertTrue(asked.get() <= 8 * Guests.LOW_BYTES, asked + " bytes asked for");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, HEADER, HEADER + 5, HEADER + 16, 1_000_000, HEADER + 16 + (4 << 20)})
  void aPeerThatVanishesFailsTheRoundAndClosesItsConnections(long afterBytes) throws Exception {
    hosts.connect(2);
    // A chunk each, and more than one lane can hold: either connection gets one for certain.
    CompletionStage<RoundResult> round =
        round(Collections.nCopies(8, new PageRun(0, Guests.LOW_BYTES)).iterator());

    read(hosts.pairs().get(0).destination(), afterBytes);
    hosts.pairs().get(0).destination().close();
    hosts.pairs().get(1).destination().close();

    assertInstanceOf(IOException.class, failure(round));
    hosts.sources().forEach(connection -> assertFalse(connection.isOpen()));
  }

  @Test
  void aRefusedChunkIsARefusal() throws Exception {
    hosts.connect(1);
    CompletionStage<RoundResult> round = round(List.of(new PageRun(0, Guests.PAGE)).iterator());
    read(hosts.pairs().get(0).destination(), HEADER + 16 + Guests.PAGE);
    answer(Response.error());

    PeerRefusedException refused = assertInstanceOf(PeerRefusedException.class, failure(round));
    assertTrue(refused.getMessage().contains("refused MEMORY"), refused.getMessage());
  }

  @Test
  void theNextChunkDoesNotWaitForTheAnswerToTheLast() throws Exception {
    hosts.connect(1);
    CompletionStage<RoundResult> round = round(manyRuns());
    long taken = takeChunk();
    answer(Response.ok());
    taken += takeChunk();
    while (taken < MANY_RUNS * Guests.LOW_BYTES) {
      taken += takeChunk();
      answer(Response.ok()); // to the one before
    }
    assertThrows(TimeoutException.class, () -> round.toCompletableFuture().get(100, MILLISECONDS));
    answer(Response.ok());

    assertEquals(taken, get(round).bytes());
  }

  @Test
  void aRefusalThatComesWhileTheNextChunkIsSentIsARefusal() throws Exception {
    hosts.connect(1);
    CompletionStage<RoundResult> round = round(manyRuns());
    takeChunk();
    answer(Response.ok());
    takeChunk();
    read(hosts.pairs().get(0).destination(), HEADER);
    answer(Response.error());
    hosts.pairs().get(0).destination().close();

    assertInstanceOf(PeerRefusedException.class, failure(round));
  }

  /** More than fit into two chunks. */
  private static Iterator<PageRun> manyRuns() {
    return Collections.nCopies(MANY_RUNS, new PageRun(0, Guests.LOW_BYTES)).iterator();
  }

  /** Reads a Memory and its pages, and says how many bytes of these there were. */
  private long takeChunk() throws IOException {
    Connection peer = hosts.pairs().get(0).destination();
    ByteBuffer header = ByteBuffer.allocate(HEADER);
    peer.readFully(header);
    ByteBuffer table = ByteBuffer.allocate((int) Request.decode(header.flip()).length());
    peer.readFully(table);
    MemoryRangeTable ranges = MemoryRangeTable.decode(table.flip());
    long bytes = 0;
    for (int i = 0; i < ranges.count(); i++) {
      read(peer, ranges.length(i));
      bytes += ranges.length(i);
    }
    return bytes;
  }

  @Test
  void anAnswerWithAPayloadIsAProtocolError() throws Exception {
    hosts.connect(1);
    CompletionStage<RoundResult> round = round(List.of(new PageRun(0, Guests.PAGE)).iterator());
    read(hosts.pairs().get(0).destination(), HEADER + 16 + Guests.PAGE);
    answer(Response.payload(4096));

    assertInstanceOf(ProtocolException.class, failure(round));
  }

  @Test
  void aRunOutsideTheMemoryFailsTheRound() throws Exception {
    hosts.connect(1);
    receive();

    Throwable failure = failure(round(List.of(new PageRun(1L << 40, 4096)).iterator()));

    assertInstanceOf(IllegalArgumentException.class, failure);
  }

  /** The same pages as the dirty logs of the source's regions would have them. */
  private DirtyPages dirtyPages(List<PageRun> runs) {
    List<DirtyPages> parts = new ArrayList<>();
    for (GuestRegion region : source.regions()) {
      LongBuffer words = LongBuffer.allocate((int) (region.sizeBytes() / Guests.PAGE / 64));
      for (PageRun run : runs) {
        if (region.contains(run.start(), run.lengthBytes())) {
          long first = region.offsetOf(run.start()) / Guests.PAGE;
          for (long page = first; page < first + run.lengthBytes() / Guests.PAGE; page++) {
            words.put((int) (page / 64), words.get((int) (page / 64)) | 1L << page);
          }
        }
      }
      parts.add(DirtyPages.ofRegion(region.base(), region.sizeBytes() / Guests.PAGE, words));
    }
    return DirtyPages.joined(parts);
  }

  private long written() {
    return hosts.pairs().stream().mapToLong(pair -> pair.source().bytesWritten()).sum();
  }

  private List<CompletableFuture<ReceivedMemory>> receive() {
    return hosts.receive(Extensions.known(), streams.materializer());
  }

  private CompletionStage<RoundResult> round(Iterator<PageRun> runs) {
    return round(PrecopyRound.plain(runs));
  }

  private CompletionStage<RoundResult> round(Iterator<PageRun> runs, PageEncoding encoding) {
    return round(new PrecopyRound(runs, encoding, DirtyAgain.NEVER));
  }

  private CompletionStage<RoundResult> round(PrecopyRound round) {
    return new PrecopySender(streams.materializer())
        .sendRound(round, source, hosts.sources(), throttle, killSwitch, progress);
  }

  private void answer(Response response) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    response.encode(frame);
    hosts.pairs().get(0).destination().writeFully(frame.flip());
  }

  private static void read(Connection connection, long bytes) throws IOException {
    connection.readFully(ByteBuffer.allocate((int) bytes));
  }

  private static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(30, SECONDS);
  }

  private static Throwable failure(CompletionStage<?> stage) {
    try {
      Object result = stage.toCompletableFuture().get(30, SECONDS);
      throw new AssertionError("no failure but " + result);
    } catch (ExecutionException e) {
      return e.getCause();
    } catch (CancellationException e) {
      return e;
    } catch (Exception e) {
      throw new AssertionError("no failure", e);
    }
  }

  @Test
  void rejectsARoundWithoutConnections() {
    assertThrows(
        IllegalArgumentException.class, () -> round(List.of(new PageRun(0, 4096)).iterator()));
  }
}
