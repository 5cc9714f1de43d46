package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The destination's end of a resume connection against frames over a real socket. */
@Timeout(60)
class ResumeServingIT {
  private static final MigrationKey KEY = MigrationKey.random();

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  @AutoClose private final Pair pair = Pair.tcp();
  private final GuestMemory memory = hosts.source();
  private final GuestPages pages = GuestPages.of(memory);
  private final PresentBitmap present = new PresentBitmap(pages.count());
  private final AtomicBoolean resumed = new AtomicBoolean();
  private boolean decided = true;

  ResumeServingIT() throws IOException {}

  @Test
  void saysWhoHasTheGuest() throws Exception {
    CompletableFuture<Void> serving = serve();

    identify(KEY);
    assertTrue(answer().isOk());
    send(Request.of(Command.OWNER));

    assertEquals(WireFormat.OWNER_BYTES, answer().length());
    assertEquals(GuestOwner.DESTINATION, GuestOwner.decode(read(WireFormat.OWNER_BYTES)));
    assertTrue(resumed.get());
    pair.source().close();
    serving.get(10, TimeUnit.SECONDS);
  }

  @Test
  void namesEveryMissingPageAndNoOther() throws Exception {
    Random random = Guests.random("ResumeServingIT");
    for (long page = 0; page < pages.count(); page++) {
      if (random.nextInt(3) > 0) {
        present.set(page);
      }
    }
    CompletableFuture<Void> unused = serve();
    identify(KEY);
    answer();
    send(Request.of(Command.MISSING));

    DirtyPages missing = MissingRanges.read(pair.source(), answer().length(), memory);

    PresentBitmap named = present.copy();
    List<PageRun> runs = new ArrayList<>();
    missing.runs().forEachRemaining(runs::add);
    for (PageRun run : runs) {
      long count = run.lengthBytes() / pages.pageBytes();
      assertEquals(count, named.set(pages.indexOf(run.gpa()), count), "a page that is present");
    }
    assertTrue(named.isComplete(), "a missing page was not named");
  }

  @Test
  void namesNothingOnceEveryPageIsHere() throws Exception {
    present.set(0, present.pages());
    CompletableFuture<Void> unused = serve();
    identify(KEY);
    answer();
    send(Request.of(Command.MISSING));

    assertTrue(MissingRanges.read(pair.source(), answer().length(), memory).isEmpty());
  }

  @Test
  void aStrangerLearnsNothingAndDisturbsNothing() throws Exception {
    CompletableFuture<Void> serving = serve();

    identify(MigrationKey.random());

    assertFalse(answer().isOk());
    assertInstanceOf(ProtocolException.class, failure(serving));
    assertFalse(resumed.get());
  }

  /** A refusal would be final for a source whose connection only broke. */
  @Test
  void aConnectionThatEndsBeforeTheKeyIsNotRefused() throws Exception {
    CompletableFuture<Void> serving = serve();

    pair.source().close();

    assertInstanceOf(EOFException.class, failure(serving));
    assertEquals(0, pair.destination().bytesWritten());
  }

  @ParameterizedTest
  @EnumSource(value = Command.class, names = "IDENTIFY", mode = EnumSource.Mode.EXCLUDE)
  void nothingIsAnsweredBeforeTheKey(Command command) throws Exception {
    CompletableFuture<Void> serving = serve();

    send(Request.of(command));

    assertFalse(answer().isOk());
    assertInstanceOf(ProtocolException.class, failure(serving));
    assertFalse(resumed.get());
  }

  @Test
  void whatIsNotDecidedIsAnError() throws Exception {
    decided = false;
    CompletableFuture<Void> serving = serve();
    identify(KEY);
    answer();

    send(Request.of(Command.OWNER));

    assertFalse(answer().isOk());
    assertInstanceOf(IOException.class, failure(serving));
  }

  @Test
  void aTableOfAnotherGuestIsRefused() throws Exception {
    List<MemoryRange> bad =
        List.of(
            new MemoryRange(0, Guests.LOW_BYTES + 4096),
            new MemoryRange(1, 4096),
            new MemoryRange(0, 100),
            new MemoryRange(1L << 50, 4096));
    for (MemoryRange range : bad) {
      pair.destination().writeFully(range.encode().asByteBuffer());
      assertThrows(
          ProtocolException.class,
          () -> MissingRanges.read(pair.source(), WireFormat.RANGE_BYTES, memory),
          range.toString());
    }
    for (long length : new long[] {1L << 60, -16, (pages.count() + 1) * WireFormat.RANGE_BYTES}) {
      assertThrows(
          ProtocolException.class, () -> MissingRanges.read(pair.source(), length, memory));
    }
  }

  private CompletableFuture<Void> serve() {
    ResumeServing serving =
        new ResumeServing(
            pair.destination(), Extensions.known(), new Known(), () -> resumed.set(true));
    return CompletableFuture.runAsync(
        () -> {
          try {
            serving.run();
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        });
  }

  private static Throwable failure(CompletableFuture<Void> serving) {
    return assertThrows(ExecutionException.class, () -> serving.get(10, TimeUnit.SECONDS))
        .getCause();
  }

  private void identify(MigrationKey key) throws IOException {
    send(Request.of(Command.IDENTIFY, WireFormat.KEY_BYTES));
    ByteBuffer bytes = ByteBuffer.allocateDirect(WireFormat.KEY_BYTES);
    key.encode(bytes);
    source().writeFully(bytes.flip());
  }

  private void send(Request request) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    request.encode(bytes);
    source().writeFully(bytes.flip());
  }

  private Response answer() throws IOException {
    return Response.decode(read(WireFormat.RESPONSE_BYTES));
  }

  private ByteBuffer read(int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes);
    source().readFully(buffer);
    return buffer.flip();
  }

  private Connection source() {
    return pair.source();
  }

  /** A migration with that key. */
  private final class Known implements ResumeServing.Answers {
    @Override
    public boolean knows(MigrationKey key) {
      return key.equals(KEY);
    }

    @Override
    public GuestOwner owner() throws IOException {
      if (!decided) {
        throw new IOException("not decided");
      }
      return GuestOwner.DESTINATION;
    }

    @Override
    public PresentBitmap present() {
      return present;
    }

    @Override
    public GuestPages pages() {
      return pages;
    }
  }
}
