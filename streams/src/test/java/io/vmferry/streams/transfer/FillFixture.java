package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
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

/**
 * What tests of a fill have: a guest on two hosts, one of which has its memory and the other none,
 * and a fill with its connections, each end of which is played by hand or by the real thing.
 */
abstract class FillFixture {
  static final Sandbox FENCED = Sandbox.of(SeccompMode.ERRNO);
  static final Extensions PUSH = Extensions.of(Extension.PUSH);
  static final Extensions ALL = Extensions.known();
  static final Duration SILENCE = Duration.ofMillis(300);
  static final Gpa PAGE_5 = new Gpa(5L * Guests.PAGE);

  @AutoClose final TwoHosts hosts = TwoHosts.ofThreeRegions();
  final GuestMemory sourceMemory = hosts.source();
  final GuestMemory memory = hosts.destination();
  final Random random = Guests.random("PostcopyFill");
  final PushOrder order = new PushOrder();
  final LongAdder arrivedBytes = new LongAdder();
  Uffd uffd;
  PresentBitmap served;
  ArrivingPages arriving;
  PostcopyFill fill;
  FaultLoop faultLoop;

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

  /** Starts a fill that waits for ever. */
  void begin(Extensions agreed) {
    begin(agreed, Duration.ZERO);
  }

  /** Starts a fill, without connections. */
  void begin(Extensions agreed, Duration silence) {
    fill = new PostcopyFill(memory, arriving, agreed, silence, "test", FENCED);
    faultLoop = FaultLoop.start(uffd, memory, fill);
  }

  /** One more fault connection of the fill. */
  Pair faults() throws IOException {
    Pair pair = hosts.connectFaults();
    fill.addFaults(pair.destination());
    return pair;
  }

  /** One more push connection of the fill. */
  Pair pushPair() throws IOException {
    Pair pair = hosts.connectFaults();
    fill.addPush(pair.destination());
    return pair;
  }

  /** Serves a fault connection as a source does, on a thread of its own. */
  CompletableFuture<Void> serve(Pair pair, Extensions agreed) {
    return run(
        new FaultServing(pair.source(), sourceMemory, served, agreed, order, bytes -> {})::run);
  }

  /** Pushes every page as a source does, on a thread of its own. */
  CompletableFuture<Void> push(Extensions agreed) throws IOException {
    return push(agreed, Throttle.unlimited());
  }

  CompletableFuture<Void> push(Extensions agreed, Throttle throttle) throws IOException {
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
  interface Work {
    void run() throws IOException;
  }

  static CompletableFuture<Void> run(Work work) {
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

  List<Gpa> allPages() {
    GuestPages pages = GuestPages.of(memory);
    List<Gpa> all = new ArrayList<>();
    for (long i = 0; i < pages.count(); i++) {
      all.add(pages.gpaOf(i));
    }
    return all;
  }

  void touchAll(int threads) throws Exception {
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

  static byte[] marker(Gpa page) {
    return ByteBuffer.allocate(16).putLong(~page.value()).putLong(page.value()).array();
  }

  void assertMarked(Gpa page) {
    assertEquals(ByteBuffer.wrap(marker(page)), ByteBuffer.wrap(memory.read(page, 16)));
  }

  void awaitPresent(long page) {
    while (!arriving.present().get(page)) {
      Thread.onSpinWait();
    }
  }

  MemoryRange request(Pair faults) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    faults.source().readFully(frame);
    assertEquals(Command.PAGE_FAULT, Request.decode(frame.flip()).command());
    return MemoryRange.decode(frame);
  }

  static Command command(Pair faults) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    faults.source().readFully(frame);
    return Request.decode(frame.flip(), ALL).command();
  }

  void answer(Pair faults, Gpa page) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + Guests.PAGE);
    Response.page(Guests.PAGE, PUSH).encode(frame);
    faults.source().writeFully(frame.put(sourceMemory.read(page, Guests.PAGE)).flip());
  }

  ByteBuffer pushed(Gpa page) {
    ByteBuffer frame = ByteBuffer.allocate(2 * 16 + Guests.PAGE);
    Request.memory(1).encode(frame);
    new MemoryRange(page.value(), Guests.PAGE).encode(frame);
    return frame.put(sourceMemory.read(page, Guests.PAGE)).flip();
  }

  static ByteBuffer frame(Request request, MemoryRange range) {
    ByteBuffer frame = ByteBuffer.allocate(2 * 16);
    request.encode(frame);
    range.encode(frame);
    return frame.flip();
  }

  static void await(CompletionStage<Void> stage) throws Exception {
    stage.toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  static <T extends Throwable> T failure(Class<T> type, CompletionStage<Void> stage) {
    ExecutionException failed = assertThrows(ExecutionException.class, () -> await(stage));
    return assertInstanceOf(type, failed.getCause());
  }
}
