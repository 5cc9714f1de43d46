package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The source's end of a fault connection against frames written by hand over a real socket. */
@Timeout(60)
class FaultServingIT {
  private static final int FRAME = WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES;
  private static final int MIB_2 = 2 << 20;

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory memory = hosts.source();
  private final Random random = Guests.random("FaultServingIT");
  private final AtomicLong progress = new AtomicLong();
  private Pair pair;
  private PresentBitmap served;

  @BeforeEach
  void open() throws IOException {
    Guests.fillSome(memory, random, 2);
    pair = hosts.connectFaults();
    served = FaultServing.servedPages(memory);
  }

  @Test
  void answersPipelinedRequestsInTheirOrder() throws Exception {
    CompletableFuture<Void> serving = serve();
    List<MemoryRange> asked = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      asked.add(new MemoryRange(i * 61L % 4096 * Guests.PAGE, Guests.PAGE));
      asked.add(new MemoryRange(Guests.HIGH_BASE + i * 37L % 1536 * Guests.PAGE, Guests.PAGE));
    }
    Collections.shuffle(asked, random);

    ask(asked);

    for (MemoryRange page : asked) {
      assertArrayEquals(
          memory.read(page.start(), Guests.PAGE), answer(Guests.PAGE), page.toString());
    }
    // The count follows the write: it is certain once the thread has ended.
    pair.destination().close();
    failure(ProtocolException.class, serving);
    assertEquals(asked.stream().distinct().count(), served.count());
  }

  @Test
  void servesEveryPageAndBelievesTheEnd() throws Exception {
    CompletableFuture<Void> serving = serve();
    GuestPages pages = GuestPages.of(memory);
    for (long i = 0; i < pages.count(); i++) {
      ask(List.of(new MemoryRange(pages.gpaOf(i).value(), Guests.PAGE)));
      answer(Guests.PAGE);
    }

    pair.destination().close();

    serving.get(30, TimeUnit.SECONDS);
    assertTrue(served.isComplete());
    assertEquals(memory.sizeBytes(), progress.get());
  }

  @Test
  void anEndBeforeTheLastPageIsNotBelieved() throws Exception {
    CompletableFuture<Void> serving = serve();
    GuestPages pages = GuestPages.of(memory);
    for (long i = 1; i < pages.count(); i++) {
      ask(List.of(new MemoryRange(pages.gpaOf(i).value(), Guests.PAGE)));
      answer(Guests.PAGE);
    }

    pair.destination().close();

    String message = failure(ProtocolException.class, serving).getMessage();
    assertTrue(message.contains("the 1 pages of 4 KiB not served yet"), message);
  }

  @Test
  void countsAPageOnceAndItsBytesEachTime() throws Exception {
    CompletableFuture<Void> serving = serve();
    MemoryRange page = new MemoryRange(Guests.NEXT_BASE, Guests.PAGE);

    ask(List.of(page, page, page));

    for (int i = 0; i < 3; i++) {
      assertArrayEquals(memory.read(page.start(), Guests.PAGE), answer(Guests.PAGE));
    }
    pair.destination().close();
    failure(ProtocolException.class, serving);
    assertEquals(1, served.count());
    assertEquals(3L * Guests.PAGE, progress.get());
  }

  @Test
  void servesALargePageAndCountsItsParts() throws Exception {
    CompletableFuture<Void> serving = serve();
    MemoryRange small = new MemoryRange(MIB_2 + 5 * Guests.PAGE, Guests.PAGE);
    MemoryRange large = new MemoryRange(MIB_2, MIB_2);

    ask(List.of(small, large));

    answer(Guests.PAGE);
    assertArrayEquals(memory.read(large.start(), MIB_2), answer(MIB_2));
    pair.destination().close();
    failure(ProtocolException.class, serving);
    assertEquals(MIB_2 / Guests.PAGE, served.count());
  }

  @Test
  void reportsProgressWhileItServes() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    CompletableFuture<Void> serving =
        serve(
            bytes -> {
              progress.addAndGet(bytes);
              told.countDown();
            });

    ask(List.of(new MemoryRange(0, Guests.PAGE)));

    assertTrue(told.await(30, TimeUnit.SECONDS));
    assertEquals(Guests.PAGE, progress.get());
    assertFalse(serving.isDone());
  }

  @Test
  void aBitmapGoesOnOverTheNextConnection() throws Exception {
    GuestPages pages = GuestPages.of(memory);
    long half = pages.count() / 2;
    CompletableFuture<Void> first = serve();
    for (long i = 0; i < half; i++) {
      ask(List.of(new MemoryRange(pages.gpaOf(i).value(), Guests.PAGE)));
      answer(Guests.PAGE);
    }
    pair.close();
    failure(IOException.class, first);
    pair = hosts.connectFaults();

    CompletableFuture<Void> second = serve();
    for (long i = half; i < pages.count(); i++) {
      ask(List.of(new MemoryRange(pages.gpaOf(i).value(), Guests.PAGE)));
      answer(Guests.PAGE);
    }
    pair.destination().close();

    second.get(30, TimeUnit.SECONDS);
  }

  @Test
  void anEndInsideARequestIsNoEnd() throws Exception {
    served.set(0, served.pages());
    CompletableFuture<Void> serving = serve();

    pair.destination().writeFully(frames(List.of(new MemoryRange(0, Guests.PAGE))).limit(20));
    pair.destination().close();

    failure(EOFException.class, serving);
  }

  @Test
  void refusesWhatIsNotOnePageOfTheGuest() throws Exception {
    List<MemoryRange> bad =
        List.of(
            new MemoryRange(1, Guests.PAGE),
            new MemoryRange(0, 2 * Guests.PAGE),
            new MemoryRange(0, 0),
            new MemoryRange(0, 1 << 30),
            new MemoryRange(Guests.PAGE, MIB_2),
            new MemoryRange(Guests.LOW_BYTES, Guests.PAGE),
            new MemoryRange(-Guests.PAGE, Guests.PAGE));
    for (MemoryRange range : bad) {
      CompletableFuture<Void> serving = serve();
      ask(List.of(new MemoryRange(0, Guests.PAGE), range));

      answer(Guests.PAGE);
      assertFalse(response().isOk(), range.toString());
      assertEquals(FRAME, failure(ProtocolException.class, serving).offset(), range.toString());
      pair.close();
      pair = hosts.connectFaults();
    }
    assertEquals(Guests.PAGE * (long) bad.size(), progress.get(), "nothing but the good pages");
  }

  @Test
  void refusesAnotherCommand() throws Exception {
    CompletableFuture<Void> serving = serve();
    ByteBuffer frame = ByteBuffer.allocate(FRAME);
    Request.memory(1).encode(frame);
    new MemoryRange(0, Guests.PAGE).encode(frame);

    pair.destination().writeFully(frame.flip());

    assertFalse(response().isOk());
    failure(ProtocolException.class, serving);
  }

  @Test
  void aCloseEndsTheWaitForARequest() throws Exception {
    CompletableFuture<Void> serving = serve();
    ask(List.of(new MemoryRange(0, Guests.PAGE)));
    answer(Guests.PAGE); // it waits for the next one now, or is about to

    pair.source().close();

    failure(IOException.class, serving);
  }

  @Test
  void aCloseEndsTheWaitForADestinationThatReadsNothing() throws Exception {
    List<MemoryRange> asked = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      asked.add(new MemoryRange(0, MIB_2)); // 128 MiB: more than any socket buffers
    }
    CountDownLatch writing = new CountDownLatch(1);
    CompletableFuture<Void> serving = serve(bytes -> writing.countDown());
    ask(asked);
    assertTrue(writing.await(30, TimeUnit.SECONDS));

    pair.source().close();

    failure(IOException.class, serving);
  }

  private CompletableFuture<Void> serve() {
    return serve(progress::addAndGet);
  }

  private CompletableFuture<Void> serve(LongConsumer onBytes) {
    FaultServing serving =
        new FaultServing(pair.source(), memory, served, Extensions.NONE, null, onBytes);
    CompletableFuture<Void> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                serving.run();
                ended.complete(null);
              } catch (IOException | RuntimeException e) {
                ended.completeExceptionally(e);
              }
            },
            "serving");
    thread.setDaemon(true);
    thread.start();
    return ended;
  }

  private static ByteBuffer frames(List<MemoryRange> pages) {
    ByteBuffer frames = ByteBuffer.allocate(pages.size() * FRAME);
    for (MemoryRange page : pages) {
      Request.pageFault().encode(frames);
      page.encode(frames);
    }
    return frames.flip();
  }

  private void ask(List<MemoryRange> pages) throws IOException {
    pair.destination().writeFully(frames(pages));
  }

  private Response response() throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    pair.destination().readFully(frame);
    return Response.decode(frame.flip());
  }

  private byte[] answer(int pageBytes) throws IOException {
    Response response = response();
    assertTrue(response.isOk());
    assertEquals(pageBytes, response.length());
    ByteBuffer page = ByteBuffer.allocate(pageBytes);
    pair.destination().readFully(page);
    return page.array();
  }

  private static <T extends Throwable> T failure(Class<T> type, CompletableFuture<Void> serving) {
    ExecutionException failed =
        assertThrows(ExecutionException.class, () -> serving.get(30, TimeUnit.SECONDS));
    return assertInstanceOf(type, failed.getCause());
  }

  @Test
  void rejectsABitmapOfAnotherGuest() {
    Connection connection = pair.source();
    assertThrows(
        IllegalArgumentException.class,
        () -> new FaultServing(connection, memory, new PresentBitmap(1)));
  }
}
