package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A fill by push over real sockets, into memory that is really missing. */
@RequiresUffd
@Timeout(120)
class PostcopyFillIT extends FillFixture {
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
}
