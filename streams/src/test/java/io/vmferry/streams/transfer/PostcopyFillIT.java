package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A fill by push over real sockets, into memory that is really missing. */
@RequiresUffd
@Timeout(120)
class PostcopyFillIT {
  private static final Sandbox FENCED = Sandbox.of(SeccompMode.ERRNO);
  private static final Extensions PUSH = Extensions.of(Extension.PUSH);
  private static final Extensions ALL = Extensions.known();
  private static final Duration SILENCE = Duration.ofMillis(300);
  private static final Gpa PAGE_5 = new Gpa(5L * Guests.PAGE);

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory sourceMemory = hosts.source();
  private final GuestMemory memory = hosts.destination();
  private final Random random = Guests.random("PostcopyFillIT");
  private final PushOrder order = new PushOrder();
  private final LongAdder arrivedBytes = new LongAdder();
  private Uffd uffd;
  private PresentBitmap served;
  private ArrivingPages arriving;
  private PostcopyFill fill;
  private FaultLoop faultLoop;

  @BeforeEach
  void open() throws IOException {
    Guests.fillSome(sourceMemory, random, 3);
    served = FaultServing.servedPages(sourceMemory);
    uffd = Guests.watch(memory);
    arriving =
        new ArrivingPages(
            memory,
            uffd,
            new PresentBitmap(GuestPages.of(memory).count()),
            new ArrivalListener() {
              @Override
              public void arrived(long pages, long bytes) {
                arrivedBytes.add(bytes);
              }

              @Override
              public void faultServed(long nanos, boolean bySource) {}
            });
  }

  @AfterEach
  void close() throws Exception {
    fill.close();
    faultLoop.stop();
    hosts.disconnect();
    arriving.close();
    uffd.close();
  }

  @Test
  void everyPageIsPushedAndPagesOfZerosBringNoBytes() throws Exception {
    begin(ALL);
    CompletableFuture<Void> serving = serve(faults(), ALL);

    CompletableFuture<Void> pushing = push(ALL);

    await(fill.finished());
    await(pushing);
    await(serving);
    assertTrue(served.isComplete());
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(memory));
    assertTrue(arrivedBytes.sum() < memory.sizeBytes() / 2, arrivedBytes + " bytes");
  }

  @Test
  void severalConnectionsOfEachKindShareTheWork() throws Exception {
    begin(PUSH);
    List<CompletableFuture<Void>> ends = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ends.add(serve(faults(), PUSH));
    }
    for (int i = 0; i < 3; i++) {
      ends.add(push(PUSH));
    }

    touchAll(2);

    await(fill.finished());
    for (CompletableFuture<Void> end : ends) {
      await(end);
    }
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(memory));
  }

  @Test
  void whatTheGuestWritesWhilePagesArriveStays() throws Exception {
    begin(ALL);
    CompletableFuture<Void> serving = serve(faults(), ALL);
    List<Gpa> pages = allPages();
    Collections.shuffle(pages, random);
    CompletableFuture<Void> guest =
        run(
            () -> {
              for (Gpa page : pages) {
                memory.write(page, marker(page));
              }
            });

    CompletableFuture<Void> pushing = push(ALL);

    await(guest);
    await(fill.finished());
    await(pushing);
    await(serving);
    for (Gpa page : pages) {
      sourceMemory.write(page, marker(page));
    }
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(memory));
  }

  @Test
  void aPushedPageThatCameByDemandBeforeIsDropped() throws Exception {
    begin(PUSH);
    Pair faults = faults();
    Pair push = pushPair();
    CompletableFuture<Void> guest = run(() -> memory.write(PAGE_5, marker(PAGE_5)));

    assertEquals(PAGE_5.value(), request(faults).gpa());
    answer(faults, PAGE_5);
    await(guest);
    push.source().writeFully(pushed(PAGE_5));
    push.source().writeFully(pushed(new Gpa(0)));
    awaitPresent(0);

    assertMarked(PAGE_5);
  }

  @Test
  void aDemandedPageThatWasPushedBeforeIsDropped() throws Exception {
    begin(PUSH);
    Pair faults = faults();
    Pair push = pushPair();
    CompletableFuture<Void> guest = run(() -> memory.write(PAGE_5, marker(PAGE_5)));
    assertEquals(PAGE_5.value(), request(faults).gpa());

    push.source().writeFully(pushed(PAGE_5));
    await(guest);
    CompletableFuture<byte[]> next =
        CompletableFuture.supplyAsync(() -> memory.read(new Gpa(0), Guests.PAGE));
    assertEquals(0, request(faults).gpa());
    answer(faults, PAGE_5);
    answer(faults, new Gpa(0));
    next.get(30, TimeUnit.SECONDS);

    assertMarked(PAGE_5);
  }

  @Test
  void aGuestThatWaitsIsServedBeforeAnythingIsPushed() throws Exception {
    begin(PUSH);
    CompletableFuture<Void> serving = serve(faults(), PUSH);

    byte[] read = memory.read(PAGE_5, Guests.PAGE);

    assertEquals(1, served.count());
    assertEquals(ByteBuffer.wrap(sourceMemory.read(PAGE_5, Guests.PAGE)), ByteBuffer.wrap(read));
    assertEquals(6, order.next());
    assertFalse(serving.isDone());
  }

  @Test
  void aFaultConnectionThatEndsIsNeverTheEnd() throws Exception {
    begin(PUSH);
    Pair faults = faults();
    CompletableFuture<Void> serving = serve(faults, PUSH);
    served.set(0, served.pages());

    faults.destination().close();

    String message = failure(ProtocolException.class, serving).getMessage();
    assertTrue(message.contains("word that every page has arrived"), message);
  }

  @Test
  void aPushConnectionThatEndsEarlyBreaksTheFill() throws Exception {
    begin(PUSH);
    faults();
    Pair push = pushPair();
    push.source().writeFully(pushed(new Gpa(0)));
    awaitPresent(0);

    push.source().close();

    failure(ProtocolException.class, fill.finished());
    assertEquals(1, arriving.present().count());
  }

  @Test
  void aSourceThatVanishesOnceEveryPageIsHereIsNoFailure() throws Exception {
    begin(ALL);
    Pair faults = faults();
    await(push(ALL));
    assertEquals(Command.FILLED, command(faults));

    faults.source().close();

    await(fill.finished());
    assertTrue(arriving.isComplete());
  }

  @Test
  void aPageCutShortIsNotPresent() throws Exception {
    begin(PUSH);
    faults();
    Pair push = pushPair();

    push.source().writeFully(pushed(PAGE_5).limit(16 + 16 + Guests.PAGE - 1));
    push.source().close();

    failure(IOException.class, fill.finished());
    assertEquals(0, arriving.present().count());
  }

  @Test
  void refusesWhatAPushConnectionDoesNotCarry() throws Exception {
    List<ByteBuffer> bad =
        List.of(
            frame(Request.memory(1), new MemoryRange(1, Guests.PAGE)),
            frame(Request.memory(1), new MemoryRange(0, Guests.PAGE + 8)),
            frame(Request.memory(1), new MemoryRange(0, 0)),
            frame(Request.memory(1), new MemoryRange(Guests.LOW_BYTES, Guests.PAGE)),
            frame(Request.memoryZero(1), new MemoryRange(0, Guests.PAGE)),
            frame(Request.pageFault(), new MemoryRange(0, Guests.PAGE)));
    begin(PUSH);
    for (ByteBuffer frame : bad) {
      PostcopyFill one = new PostcopyFill(memory, arriving, PUSH, Duration.ZERO, "bad", FENCED);
      Pair push = hosts.connectFaults();
      one.addPush(push.destination());
      push.source().writeFully(frame);
      failure(ProtocolException.class, one.finished());
      one.close();
    }
    assertEquals(0, arriving.present().count());
  }

  @Test
  void aSourceThatOwesAPageAndIsSilentIsTakenForDead() throws Exception {
    begin(PUSH, SILENCE);
    faults();

    fill.onFault(PAGE_5, System.nanoTime());

    failure(PeerStalledException.class, fill.finished());
    assertEquals(0, arriving.present().count());
  }

  @Test
  void aSourceMayBeSilentWhileItOwesNothing() throws Exception {
    begin(PUSH, SILENCE);
    Pair faults = faults();

    TimeUnit.NANOSECONDS.sleep(4 * SILENCE.toNanos());

    CompletableFuture<Void> serving = serve(faults, PUSH);
    await(push(PUSH));
    await(fill.finished());
    await(serving);
  }

  @Test
  void aPushConnectionThatFallsSilentIsTakenForDead() throws Exception {
    begin(PUSH, SILENCE);
    faults();
    Pair push = pushPair();
    push.source().writeFully(pushed(PAGE_5));

    failure(PeerStalledException.class, fill.finished());
    assertEquals(1, arriving.present().count());
  }

  @Test
  void pagesThatNobodyPushesBreakTheFill() throws Exception {
    begin(PUSH, SILENCE);
    faults();
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    assertFalse(fill.finished().toCompletableFuture().isDone());

    fill.checkForPush();

    failure(ProtocolException.class, fill.finished());
  }

  @Test
  void aWholeGuestToWhichNobodyPushesEndsTheFill() throws Exception {
    begin(PUSH, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), PUSH);
    for (GuestRegion region : memory.regions()) {
      for (long at = 0; at < region.sizeBytes(); at += Guests.PAGE) {
        memory.read(new Gpa(region.base().value() + at), 1);
      }
    }
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    assertFalse(serving.isDone());

    fill.checkForPush();

    await(fill.finished());
    await(serving);
  }

  @Test
  void pagesThatArePushedLateAreAwaited() throws Exception {
    begin(PUSH, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), PUSH);
    fill.checkForPush();
    TimeUnit.NANOSECONDS.sleep(2 * SILENCE.toNanos());
    CompletableFuture<Void> pushing = push(PUSH);
    fill.checkForPush();

    await(pushing);
    await(fill.finished());
    await(serving);
  }

  @Test
  void aThrottledSourceGivesSignsOfLife() throws Exception {
    Throttle throttle = new Throttle(64 << 10);
    begin(ALL, SILENCE);
    CompletableFuture<Void> serving = serve(faults(), ALL);
    CompletableFuture<Void> pushing = push(ALL, throttle);

    TimeUnit.NANOSECONDS.sleep(4 * SILENCE.toNanos());
    assertFalse(pushing.isDone());
    throttle.setBytesPerSecond(Throttle.UNLIMITED);

    await(fill.finished());
    await(pushing);
    await(serving);
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(memory));
  }

  private void begin(Extensions agreed) {
    begin(agreed, Duration.ZERO);
  }

  private void begin(Extensions agreed, Duration silence) {
    fill = new PostcopyFill(memory, arriving, agreed, silence, "test", FENCED);
    faultLoop = FaultLoop.start(uffd, memory, fill);
  }

  private Pair faults() throws IOException {
    Pair pair = hosts.connectFaults();
    fill.addFaults(pair.destination());
    return pair;
  }

  private Pair pushPair() throws IOException {
    Pair pair = hosts.connectFaults();
    fill.addPush(pair.destination());
    return pair;
  }

  private CompletableFuture<Void> serve(Pair pair, Extensions agreed) {
    return run(
        new FaultServing(pair.source(), sourceMemory, served, agreed, order, bytes -> {})::run);
  }

  private CompletableFuture<Void> push(Extensions agreed) throws IOException {
    return push(agreed, Throttle.unlimited());
  }

  private CompletableFuture<Void> push(Extensions agreed, Throttle throttle) throws IOException {
    return run(
        new PushSending(
                pushPair().source(),
                sourceMemory,
                served,
                order,
                agreed,
                throttle,
                SILENCE,
                (memoryBytes, wireBytes) -> {})
            ::run);
  }

  /** Something that runs on a thread of its own until it ends. */
  private interface Work {
    void run() throws IOException;
  }

  private static CompletableFuture<Void> run(Work work) {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
                ended.complete(null);
              } catch (IOException | RuntimeException e) {
                ended.completeExceptionally(e);
              }
            });
    thread.setDaemon(true);
    thread.start();
    return ended;
  }

  private List<Gpa> allPages() {
    GuestPages pages = GuestPages.of(memory);
    List<Gpa> all = new ArrayList<>();
    for (long i = 0; i < pages.count(); i++) {
      all.add(pages.gpaOf(i));
    }
    return all;
  }

  private void touchAll(int threads) throws Exception {
    List<CompletableFuture<Void>> touchers = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      List<Gpa> pages = allPages();
      Collections.shuffle(pages, random);
      touchers.add(
          run(
              () -> {
                for (Gpa page : pages) {
                  memory.read(page, 8);
                }
              }));
    }
    for (CompletableFuture<Void> toucher : touchers) {
      await(toucher);
    }
  }

  private static byte[] marker(Gpa page) {
    return ByteBuffer.allocate(16).putLong(~page.value()).putLong(page.value()).array();
  }

  private void assertMarked(Gpa page) {
    assertEquals(ByteBuffer.wrap(marker(page)), ByteBuffer.wrap(memory.read(page, 16)));
  }

  private void awaitPresent(long page) {
    while (!arriving.present().get(page)) {
      Thread.onSpinWait();
    }
  }

  private MemoryRange request(Pair faults) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    faults.source().readFully(frame);
    assertEquals(Command.PAGE_FAULT, Request.decode(frame.flip()).command());
    return MemoryRange.decode(frame);
  }

  private static Command command(Pair faults) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    faults.source().readFully(frame);
    return Request.decode(frame.flip(), ALL).command();
  }

  private void answer(Pair faults, Gpa page) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + Guests.PAGE);
    Response.page(Guests.PAGE, PUSH).encode(frame);
    faults.source().writeFully(frame.put(sourceMemory.read(page, Guests.PAGE)).flip());
  }

  private ByteBuffer pushed(Gpa page) {
    ByteBuffer frame = ByteBuffer.allocate(2 * 16 + Guests.PAGE);
    Request.memory(1).encode(frame);
    new MemoryRange(page.value(), Guests.PAGE).encode(frame);
    return frame.put(sourceMemory.read(page, Guests.PAGE)).flip();
  }

  private static ByteBuffer frame(Request request, MemoryRange range) {
    ByteBuffer frame = ByteBuffer.allocate(2 * 16);
    request.encode(frame);
    range.encode(frame);
    return frame.flip();
  }

  private static void await(CompletionStage<Void> stage) throws Exception {
    stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private static <T extends Throwable> T failure(Class<T> type, CompletionStage<Void> stage) {
    ExecutionException failed = assertThrows(ExecutionException.class, () -> await(stage));
    return assertInstanceOf(type, failed.getCause());
  }
}
