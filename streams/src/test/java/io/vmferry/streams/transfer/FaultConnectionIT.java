package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.FaultBatch;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Both ends of a fault connection over real sockets, into memory that is really missing. */
@RequiresUffd
@Timeout(120)
class FaultConnectionIT {
  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory sourceMemory = hosts.source();
  private final GuestMemory destinationMemory = hosts.destination();
  private final Random random = Guests.random("FaultConnectionIT");
  private Pair pair;
  private Uffd uffd;
  private PresentBitmap served;
  private ArrivingPages arriving;
  private final List<FaultConnection> opened = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    Guests.fillSome(sourceMemory, random, 3);
    pair = hosts.connectFaults();
    uffd = Guests.watch(destinationMemory);
    served = FaultServing.servedPages(sourceMemory);
    arriving =
        new ArrivingPages(
            destinationMemory,
            uffd,
            new PresentBitmap(GuestPages.of(destinationMemory).count()),
            ArrivalListener.NONE);
  }

  @AfterEach
  void close() throws InterruptedException {
    hosts.disconnect();
    for (FaultConnection faults : opened) {
      faults.join();
    }
    arriving.close();
    uffd.close();
  }

  private CompletableFuture<Void> serve() {
    FaultServing serving = new FaultServing(pair.source(), sourceMemory, served);
    return CompletableFuture.runAsync(
        () -> {
          try {
            serving.run();
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        },
        task -> new Thread(task, "serving").start());
  }

  private FaultConnection faults(Connection connection) {
    FaultConnection faults = new FaultConnection(connection, arriving, Extensions.NONE);
    opened.add(faults);
    return faults;
  }

  private static void await(CompletionStage<Void> stage) throws Exception {
    stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private static <T extends Throwable> T failure(Class<T> type, CompletionStage<Void> stage) {
    ExecutionException failed = assertThrows(ExecutionException.class, () -> await(stage));
    Throwable cause = failed.getCause();
    return assertInstanceOf(
        type, cause instanceof java.io.UncheckedIOException io ? io.getCause() : cause);
  }

  @Test
  void bringsEveryPageInTheBackground() throws Exception {
    CompletableFuture<Void> serving = serve();
    await(faults(pair.destination()).start(Sandbox.OFF, "receiving", true));
    await(serving);

    assertTrue(served.isComplete());
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(destinationMemory));
  }

  @Test
  void bringsAPageToAThreadThatWaitsForIt() throws Exception {
    Gpa page = new Gpa(Guests.NEXT_BASE + 5 * Guests.PAGE);
    Guests.fill(sourceMemory, page, random);
    CompletableFuture<Void> serving = serve();
    FaultConnection faults = faults(pair.destination());
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", false);
    // The copy is a native call: a Java access would hold up the next safepoint.
    CompletableFuture<byte[]> read =
        CompletableFuture.supplyAsync(() -> destinationMemory.read(page, Guests.PAGE));

    FaultBatch batch = new FaultBatch(8);
    while (uffd.read(batch) == 0) {
      Thread.onSpinWait();
    }
    GuestRegion region = destinationMemory.regions().get(2);
    Gpa touched = region.gpaOf(new Hva(batch.address(0)));
    assertFalse(arriving.fault(touched, System.nanoTime()));
    assertTrue(faults.demand(touched));

    assertArrayEquals(sourceMemory.read(page, Guests.PAGE), read.get(60, TimeUnit.SECONDS));
    faults.close();
    failure(IOException.class, finished);
    failure(ProtocolException.class, serving);
    assertEquals(1, served.pages() - served.missing(), "no page but the demanded one");
  }

  @Test
  void aPageOfASharedFileIsMappedWithoutBytes() throws Exception {
    GuestRegion region = destinationMemory.regions().get(1);
    Gpa page = region.base().plus(7 * Guests.PAGE);
    FaultConnection faults = faults(pair.destination());
    faults.start(Sandbox.OFF, "receiving", false);
    CompletableFuture<byte[]> read =
        CompletableFuture.supplyAsync(() -> destinationMemory.read(page, Guests.PAGE));
    FaultBatch batch = new FaultBatch(8);
    while (uffd.read(batch) == 0) {
      Thread.onSpinWait();
    }
    assertFalse(arriving.fault(page, System.nanoTime()));
    faults.demand(page);
    byte[] restored = new byte[Guests.PAGE];
    random.nextBytes(restored);

    pair.source().readFully(ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES));
    ByteBuffer direct = ByteBuffer.allocateDirect(Guests.PAGE).put(restored).flip();
    region.memfd().writeAt(region.fileOffset() + 7 * Guests.PAGE, direct);
    ByteBuffer answer = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    Response.page(0, Extensions.NONE).encode(answer);
    pair.source().writeFully(answer.flip());

    assertArrayEquals(restored, read.get(60, TimeUnit.SECONDS));
    assertEquals(1, arriving.present().count());
  }

  @Test
  void aDemandedPageIsAskedForOnce() throws Exception {
    FaultConnection faults = faults(pair.destination());

    assertTrue(faults.demand(new Gpa(0)));
    assertTrue(!faults.demand(new Gpa(Guests.PAGE - 1)), "the same page");
    assertTrue(faults.demand(new Gpa(Guests.PAGE)));
    assertEquals(2, faults.unanswered().size());
  }

  @Test
  void anEndBeforeTheLastPageIsAFailureOnBothSides() throws Exception {
    CompletionStage<Void> finished =
        faults(pair.destination()).start(Sandbox.OFF, "receiving", false);
    CompletableFuture<Void> serving = serve();

    pair.source().close();

    failure(IOException.class, finished);
    failure(IOException.class, serving);
  }

  @Test
  void aDestinationThatClosesEarlyIsNotBelieved() throws Exception {
    CompletableFuture<Void> serving = serve();

    pair.destination().close();

    String message = failure(ProtocolException.class, serving).getMessage();
    assertTrue(message.contains("not served yet"), message);
  }

  @Test
  void aSourceThatNeverAnswersIsATimeout() throws Exception {
    pair.destination().setReadTimeout(Duration.ofMillis(200));

    failure(
        PeerStalledException.class,
        faults(pair.destination()).start(Sandbox.OFF, "receiving", true));
  }

  @Test
  void aClosedConnectionEndsTheReceivingThread() throws Exception {
    FaultConnection faults = faults(pair.destination());
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", true);

    faults.close();

    failure(IOException.class, finished);
  }

  @Test
  void aRefusedPageIsAFailure() throws Exception {
    FaultConnection faults = faults(pair.destination());
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", false);
    faults.demand(new Gpa(0));
    ByteBuffer error = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    Response.error().encode(error);

    pair.source().writeFully(error.flip());

    assertEquals(
        "The source cannot bring the page at 0x0; its log says why.",
        failure(PeerRefusedException.class, finished).getMessage());
  }

  @Test
  void aRequestOutsideOfTheGuestIsRefused() throws Exception {
    CompletableFuture<Void> serving = serve();
    ByteBuffer request = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    Request.pageFault().encode(request);
    new MemoryRange(Guests.LOW_BYTES, Guests.PAGE).encode(request);

    pair.destination().writeFully(request.flip());

    ByteBuffer answer = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    pair.destination().readFully(answer);
    assertTrue(!Response.decode(answer.flip()).isOk());
    failure(ProtocolException.class, serving);
  }

  @Test
  void aFlippedByteChangesTheDigest() throws Exception {
    Guests.fill(sourceMemory, new Gpa(0), random);
    CompletableFuture<Void> serving = serve();
    Connection flipping =
        new FlippingConnection(pair.destination(), WireFormat.RESPONSE_BYTES + 100);

    await(faults(flipping).start(Sandbox.OFF, "receiving", true));
    await(serving);

    assertNotEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(destinationMemory));
  }
}
