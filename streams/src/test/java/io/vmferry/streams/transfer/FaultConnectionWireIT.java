package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.uffd.Installed;
import io.vmferry.kvm.uffd.PageInstaller;
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
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The destination's end of a fault connection against a source played by hand. */
@Timeout(60)
class FaultConnectionWireIT {
  private static final int WINDOW = 8;
  private static final Extensions NAMED = Extensions.of(Extension.NAMED_ANSWERS);

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory sourceMemory = hosts.source();
  private final GuestMemory destinationMemory = hosts.destination();
  private final Random random = Guests.random("FaultConnectionWireIT");
  private final GuestPages pages = GuestPages.of(destinationMemory);
  private final PresentBitmap present = new PresentBitmap(pages.count());
  private ArrivingPages arriving;
  private Pair pair;

  @BeforeEach
  void open() throws IOException {
    Guests.fillSome(sourceMemory, random, 2);
    pair = hosts.connectFaults();
  }

  @Test
  void asksForAWindowInTheBackgroundAndNoMore() throws Exception {
    FaultConnection faults = faults();
    faults.start(Sandbox.OFF, "receiving", true);

    for (int i = 0; i < WINDOW; i++) {
      assertEquals(i * (long) Guests.PAGE, request().gpa());
    }
    // What comes next is not the background's: it waits for answers.
    faults.demand(new Gpa(Guests.HIGH_BASE));
    assertEquals(Guests.HIGH_BASE, request().gpa());
  }

  @Test
  void theBackgroundFollowsTheDemandedPage() throws Exception {
    FaultConnection faults = faults();
    faults.start(Sandbox.OFF, "receiving", true);
    List<MemoryRange> asked = requests(WINDOW);
    faults.demand(new Gpa(Guests.NEXT_BASE + 77));
    asked.add(request());
    assertEquals(Guests.NEXT_BASE, asked.get(WINDOW).gpa());

    for (MemoryRange page : asked) {
      answer(page);
    }

    assertEquals(Guests.NEXT_BASE + Guests.PAGE, request().gpa());
  }

  @Test
  void installsAnswersInTheOrderOfTheRequests() throws Exception {
    FaultConnection faults = faults();
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", true);

    for (long i = 0; i < pages.count(); i++) {
      answer(request());
    }

    finished.toCompletableFuture().get(30, TimeUnit.SECONDS);
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(destinationMemory));
    assertFalse(pair.source().readFullyOrEof(ByteBuffer.allocate(1)), "the end tells the source");
  }

  @Test
  void aSourceThatStopsAnsweringIsOneTimeoutAndTheRestComesOverAnotherConnection()
      throws Exception {
    pair.destination().setReadTimeout(Duration.ofMillis(300));
    FaultConnection broken = faults();
    CompletionStage<Void> failed = broken.start(Sandbox.OFF, "receiving", true);
    List<MemoryRange> asked = requests(WINDOW);
    Gpa demanded = new Gpa(Guests.HIGH_BASE + 9 * Guests.PAGE);
    assertTrue(broken.demand(demanded));
    for (MemoryRange page : asked.subList(0, 3)) {
      answer(page);
    }

    PeerStalledException timeout = failure(PeerStalledException.class, failed);

    assertTrue(timeout.getMessage().contains("nothing came from the peer"), timeout.getMessage());
    assertEquals(3, present.count());
    assertEquals(List.of(demanded), broken.unanswered());
    assertFalse(broken.demand(new Gpa(Guests.NEXT_BASE)), "a broken connection asks for nothing");
    pair.close();
    pair = hosts.connectFaults();
    FaultConnection next = faults();
    for (Gpa page : broken.unanswered()) {
      next.demand(page);
    }
    CompletionStage<Void> finished = next.start(Sandbox.OFF, "receiving", true);
    assertEquals(demanded.value(), answered().gpa(), "the page that the guest waits for first");
    for (long i = 4; i < pages.count(); i++) {
      answered();
    }
    finished.toCompletableFuture().get(30, TimeUnit.SECONDS);
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(destinationMemory));
  }

  @Test
  void aPageCutShortIsNotInstalled() throws Exception {
    CompletionStage<Void> finished = faults().start(Sandbox.OFF, "receiving", true);
    MemoryRange page = request();
    Guests.fill(sourceMemory, page.start(), random);
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + Guests.PAGE - 1);
    Response.page(Guests.PAGE, Extensions.NONE).encode(frame);
    frame.put(sourceMemory.read(page.start(), Guests.PAGE - 1));

    pair.source().writeFully(frame.flip());
    // Reads the requests first: a close with unread bytes would reset the connection.
    requests(WINDOW - 1);
    pair.source().close();

    failure(EOFException.class, finished);
    assertEquals(0, present.count());
    assertEquals(0, MemoryDigest.of(destinationMemory));
  }

  @Test
  void anEndBetweenTwoAnswersSaysHowManyPagesAreMissing() throws Exception {
    CompletionStage<Void> finished = faults().start(Sandbox.OFF, "receiving", true);
    for (MemoryRange page : requests(WINDOW).subList(0, 2)) {
      answer(page);
    }

    pair.source().close();

    String message = failure(ProtocolException.class, finished).getMessage();
    assertTrue(message.contains((pages.count() - 2) + " pages still missing"), message);
  }

  @Test
  void anAnswerThatNobodyAskedForIsRefused() throws Exception {
    CompletionStage<Void> finished = faults().start(Sandbox.OFF, "receiving", false);

    answer(new MemoryRange(0, Guests.PAGE));

    String message = failure(ProtocolException.class, finished).getMessage();
    assertTrue(message.contains("no page was asked for"), message);
    assertFalse(pair.destination().isOpen());
  }

  @Test
  void anAnswerOfAnotherSizeIsRefused() throws Exception {
    FaultConnection faults = faults();
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", false);
    faults.demand(new Gpa(0));
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    Response.page(2 << 20, Extensions.NONE).encode(frame);

    pair.source().writeFully(frame.flip());

    assertEquals(0, failure(ProtocolException.class, finished).offset());
    assertEquals(0, present.count());
  }

  @Test
  void aSecondAnswerForOnePageIsNotTakenForTheNext() throws Exception {
    FaultConnection faults = faults(new MappedPages(), NAMED);
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", false);
    Gpa next = new Gpa(5 * Guests.PAGE);
    faults.demand(new Gpa(0));
    faults.demand(next);
    MemoryRange first = request();

    pair.source().writeFully(namedAnswer(first), namedAnswer(first));

    String message = failure(ProtocolException.class, finished).getMessage();
    assertTrue(message.contains("the answer for the page 0x5000+0x1000"), message);
    assertTrue(message.contains("one for 0x0+0x1000"), message);
    assertEquals(1, present.count());
    assertEquals(List.of(next), faults.unanswered(), "the guest still waits for it");
  }

  @Test
  void aNamedAnswerInPiecesIsTakenWhole() throws Exception {
    pair.source().noDelay(true);
    FaultConnection faults = faults(new MappedPages(), NAMED);
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", true);

    for (long i = 0; i < pages.count(); i++) {
      ByteBuffer answer = namedAnswer(request());
      for (int from = 0; from < answer.limit(); from += 1 + from * 3) {
        int bytes = Math.min(1 + from * 3, answer.limit() - from);
        pair.source().writeFully(answer.slice(from, bytes));
      }
    }

    finished.toCompletableFuture().get(30, TimeUnit.SECONDS);
    assertEquals(MemoryDigest.of(sourceMemory), MemoryDigest.of(destinationMemory));
  }

  @Test
  void aFailedInstallationEndsTheConnectionWithItsCause() throws Exception {
    SyscallException full = new SyscallException("resume", Errno.ENOMEM);
    PageInstaller failing =
        new MappedPages() {
          @Override
          public Installed resume(Hva start, long lengthBytes) throws SyscallException {
            throw full;
          }
        };
    FaultConnection faults = faults(failing);
    arriving.fault(new Gpa(0), System.nanoTime());
    CompletionStage<Void> finished = faults.start(Sandbox.OFF, "receiving", false);
    faults.demand(new Gpa(0));

    answer(request());

    assertEquals(full, failure(IOException.class, finished));
    assertEquals(List.of(new Gpa(0)), faults.unanswered(), "the guest still waits for it");
  }

  private FaultConnection faults() throws IOException {
    return faults(new MappedPages());
  }

  private FaultConnection faults(PageInstaller installer) throws IOException {
    return faults(installer, Extensions.NONE);
  }

  private FaultConnection faults(PageInstaller installer, Extensions agreed) throws IOException {
    arriving = new ArrivingPages(destinationMemory, installer, present, ArrivalListener.NONE);
    return new FaultConnection(
        pair.destination(), arriving, agreed, new RequestWindow(WINDOW, WINDOW));
  }

  private MemoryRange request() throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    pair.source().readFully(frame);
    frame.flip();
    assertEquals(Command.PAGE_FAULT, Request.decode(frame).command());
    MemoryRange page = MemoryRange.decode(frame);
    assertEquals(Guests.PAGE, page.length());
    return page;
  }

  private List<MemoryRange> requests(int count) throws IOException {
    List<MemoryRange> requests = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      requests.add(request());
    }
    return requests;
  }

  private void answer(MemoryRange page) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + Guests.PAGE);
    Response.page(Guests.PAGE, Extensions.NONE).encode(frame);
    frame.put(sourceMemory.read(page.start(), Guests.PAGE));
    pair.source().writeFully(frame.flip());
  }

  private ByteBuffer namedAnswer(MemoryRange page) {
    ByteBuffer frame =
        ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + WireFormat.RANGE_BYTES + Guests.PAGE);
    Response.page(Guests.PAGE, NAMED).encode(frame);
    page.encode(frame);
    return frame.put(sourceMemory.read(page.start(), Guests.PAGE)).flip();
  }

  private MemoryRange answered() throws IOException {
    MemoryRange page = request();
    answer(page);
    return page;
  }

  private static <T extends Throwable> T failure(Class<T> type, CompletionStage<Void> stage) {
    ExecutionException failed =
        assertThrows(
            ExecutionException.class, () -> stage.toCompletableFuture().get(30, TimeUnit.SECONDS));
    return assertInstanceOf(type, failed.getCause());
  }
}
