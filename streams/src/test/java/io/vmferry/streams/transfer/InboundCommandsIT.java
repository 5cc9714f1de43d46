package io.vmferry.streams.transfer;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.pekko.stream.javadsl.Sink;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The main connection of a destination, byte by byte from a source. */
@Timeout(60)
class InboundCommandsIT {
  private static final Extensions ZERO_RANGES = Extensions.of(Extension.ZERO_RANGES);
  @AutoClose private static final StreamSystem streams = new StreamSystem("InboundCommandsIT");

  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory memory = hosts.destination();
  private final LinkedBlockingQueue<Inbound> events = new LinkedBlockingQueue<>();
  private Pair pair;

  @BeforeEach
  void connect() throws IOException {
    pair = hosts.connect();
    InboundCommands.source(pair.destination())
        .runWith(Sink.foreach(events::add), streams.materializer());
  }

  @Test
  void anExtensionThatWasAgreedBringsItsCommands() throws Exception {
    configure(new Extensions(-1), ZERO_RANGES);
    memory.regions().get(0).mapping().fill(0, 2 * Guests.PAGE, (byte) 7);

    send(Request.memoryZero(1));
    table(0, Guests.PAGE);

    assertTrue(answer().isOk());
    assertEquals(
        new ReceivedMemory(0, 1), assertInstanceOf(Inbound.Memory.class, next()).received());
    assertEquals(0, memory.read(memory.regions().get(0).base(), 1)[0]);
  }

  @Test
  void anExtensionThatWasNotTakenDoesNotExist() throws Exception {
    configure(ZERO_RANGES, Extensions.NONE);

    send(Request.memoryZero(1));

    assertFalse(answer().isOk());
    Inbound.Closed closed = assertInstanceOf(Inbound.Closed.class, next());
    assertEquals("CONFIGURED", closed.state());
    assertEquals(
        "a command from 1 to 9",
        assertInstanceOf(ProtocolException.class, closed.cause()).expected());
  }

  @Test
  void aVersionThatDoesNotFitIsRefused() throws Exception {
    send(new Request(Command.START, 7, Extensions.NONE, 0));

    assertFalse(answer().isOk());
    Inbound.Closed closed = assertInstanceOf(Inbound.Closed.class, next());
    assertEquals("ESTABLISHED", closed.state());
    assertTrue(closed.cause().getMessage().contains("version 7"), closed.cause().getMessage());
  }

  @Test
  void aSourceThatSaysNothingIsNotWaitedForForEver() throws Exception {
    Inbound.Closed closed = assertInstanceOf(Inbound.Closed.class, next());

    assertEquals("ESTABLISHED", closed.state());
    assertInstanceOf(PeerStalledException.class, closed.cause());
  }

  @Test
  void descriptorsOfMemoryHaveALimit(@TempDir Path directory) throws Exception {
    try (Pair local = Pair.open(new MigrationUrl.Unix(directory.resolve("s")));
        Memfd slot = Memfd.create("slot", Guests.PAGE, PageSize.KIB_4)) {
      InboundCommands.source(local.destination())
          .runWith(Sink.foreach(InboundCommandsIT::take), streams.materializer());
      exchange(local, Request.start(Extensions.NONE), null);
      for (int i = 0; i < WireLimits.MEMORY_FDS; i++) {
        assertTrue(exchange(local, Request.memoryFd(), slot).isOk(), i + " descriptors");
      }

      assertFalse(exchange(local, Request.memoryFd(), slot).isOk());
    }
  }

  private static void take(Inbound event) {
    if (event instanceof Inbound.MemoryFd memory) {
      memory.fd().close();
    }
    if (event instanceof Inbound.Question question) {
      question.reply(Response.ok());
    }
  }

  private static Response exchange(Pair pair, Request request, @Nullable Memfd slot)
      throws IOException {
    ByteBuffer frame = ByteBuffer.allocateDirect(16);
    request.encode(frame);
    pair.source().writeFully(frame.flip());
    if (slot != null) {
      pair.source().sendWithFd(ByteBuffer.allocateDirect(4), slot.fd());
    }
    pair.source().readFully(frame.clear());
    return Response.decode(frame.flip());
  }

  private void configure(Extensions offered, Extensions taken) throws Exception {
    send(Request.start(offered));
    Inbound.Start start = assertInstanceOf(Inbound.Start.class, next());
    assertEquals(offered, start.extensions());
    start.reply(Response.ok(taken));
    assertEquals(taken, answer().extensions());
    send(Request.of(Command.CONFIG));
    assertInstanceOf(Inbound.Config.class, next()).accept(memory, bytes -> {});
    assertTrue(answer().isOk());
  }

  private Inbound next() throws InterruptedException {
    Inbound event = events.poll(30, SECONDS);
    assertTrue(event != null, "nothing came");
    return event;
  }

  private void send(Request request) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    request.encode(frame);
    pair.source().writeFully(frame.flip());
  }

  private void table(long gpa, long lengthBytes) throws IOException {
    ByteBuffer entry = ByteBuffer.allocate(16);
    MemoryRangeTable.append(gpa, lengthBytes, entry);
    pair.source().writeFully(entry.flip());
  }

  private Response answer() throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(16);
    pair.source().readFully(frame);
    return Response.decode(frame.flip());
  }
}
