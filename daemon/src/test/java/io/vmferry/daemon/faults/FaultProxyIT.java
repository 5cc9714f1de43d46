package io.vmferry.daemon.faults;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.socket.UnixConnection;
import io.vmferry.kvm.socket.UnixListener;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The proxy between two sockets of this test: what passes of a message that has a fault. */
@Timeout(30)
class FaultProxyIT {
  private static final MessageKind MEMORY = MessageKind.request(Carrier.MAIN, Command.MEMORY);
  private static final int PAGE = 4096;

  @TempDir private static Path directory;
  private ServerSocket listener;

  @BeforeEach
  void listen() throws IOException {
    listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
  }

  @AfterEach
  void close() throws IOException {
    listener.close();
  }

  @Test
  void everythingPassesBothWaysAndIsCounted() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 9, Place.BEFORE, Fault.CUT));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, Request.start(Extensions.NONE).encode());
      send(source, memory());
      source.shutdownOutput();

      assertEquals(16 + 32 + PAGE, destination.getInputStream().readAllBytes().length);
      send(destination, Response.ok().encode().concat(Response.ok().encode()));
      assertEquals(32, source.getInputStream().readNBytes(32).length);
      assertEquals(1, proxy.seen().get(MEMORY).get());
      MessageKind answer = MessageKind.answer(Carrier.MAIN, Command.MEMORY);
      assertEquals(1, proxy.seen().get(answer).get());
      assertFalse(proxy.hasSprung());
    }
  }

  @ParameterizedTest
  @EnumSource
  void aCutLeavesWhatStandsBeforeIt(Place place) throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 2, place, Fault.CUT));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, memory());
      send(source, memory());

      int second = destination.getInputStream().readAllBytes().length - (32 + PAGE);

      switch (place) {
        case BEFORE -> assertEquals(0, second);
        case MIDDLE -> assertTrue(second > 32 && second < 32 + PAGE, () -> "bytes " + second);
        case AFTER -> assertEquals(32 + PAGE, second);
      }
      assertTrue(proxy.hasSprung());
    }
  }

  @Test
  void aHalfCloseLetsTheAnswersPass() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 1, Place.BEFORE, Fault.HALF_CLOSE));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, memory());

      assertEquals(-1, destination.getInputStream().read());
      send(destination, Response.ok().encode());
      assertEquals(16, source.getInputStream().readNBytes(16).length);
    }
  }

  @Test
  void aFlipChangesOneBitOfThePages() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 1, Place.BEFORE, Fault.FLIP_PAGES));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      byte[] sent = memory().toArray();
      source.getOutputStream().write(sent);

      byte[] came = destination.getInputStream().readNBytes(sent.length);

      int bits = 0;
      for (int i = 0; i < sent.length; i++) {
        bits += Integer.bitCount((sent[i] ^ came[i]) & 0xff);
      }
      assertEquals(1, bits);
      assertArrayEquals(Arrays.copyOf(sent, 32), Arrays.copyOf(came, 32));
    }
  }

  @Test
  void aDuplicateComesTwice() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 1, Place.BEFORE, Fault.DUPLICATE));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, memory());
      source.shutdownOutput();

      assertEquals(2 * (32 + PAGE), destination.getInputStream().readAllBytes().length);
    }
  }

  @Test
  void aRefusalIsAnsweredByTheProxyAlone() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 1, Place.BEFORE, Fault.REFUSE));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, memory());

      ByteString answer = ByteString.fromArray(source.getInputStream().readNBytes(16));
      assertFalse(Response.decode(answer).isOk());
      source.shutdownOutput();
      assertEquals(-1, destination.getInputStream().read());
    }
  }

  @Test
  void whatStallsGoesOnWhenItIsReleased() throws Exception {
    try (FaultProxy proxy = proxy(Trap.at(MEMORY, 1, Place.MIDDLE, Fault.STALL));
        Socket source = dial(proxy);
        Socket destination = listener.accept()) {
      send(source, memory());
      assertTrue(proxy.awaitSprung(10));
      int first = destination.getInputStream().readNBytes(33).length;
      destination.setSoTimeout(50);
      int before = first + drain(destination);
      assertTrue(before < 32 + PAGE, () -> "all " + before + " came");
      destination.setSoTimeout(0);

      proxy.release();

      int rest = 32 + PAGE - before;
      assertEquals(rest, destination.getInputStream().readNBytes(rest).length);
    }
  }

  @Test
  void aHeldMessageWaitsForOneOfAnotherConnection() throws Exception {
    MessageKind held = MessageKind.request(Carrier.MEMORY, Command.MEMORY);
    MessageKind other = MessageKind.request(Carrier.MAIN, Command.STATE);
    Trap trap = new Trap(held, 1, Place.BEFORE, Fault.REORDER, other, 1);
    try (FaultProxy proxy = proxy(trap);
        Socket main = dial(proxy);
        Socket mainThere = listener.accept();
        Socket memory = dial(proxy);
        Socket memoryThere = listener.accept()) {
      send(memory, ConnectionRole.PRECOPY_MEMORY.encode().concat(memory()));
      assertTrue(proxy.awaitSprung(10));
      memoryThere.setSoTimeout(50);
      assertEquals(2, drain(memoryThere));

      send(main, Request.of(Command.STATE, 2).encode().concat(ByteString.fromString("{}")));
      assertEquals(18, mainThere.getInputStream().readNBytes(18).length);
      long passed = System.nanoTime();
      memoryThere.setSoTimeout(0);

      assertEquals(32 + PAGE, memoryThere.getInputStream().readNBytes(32 + PAGE).length);
      // Not the time after which it is let go in any case.
      assertTrue(System.nanoTime() - passed < TimeUnit.MILLISECONDS.toNanos(900));
    }
  }

  @Test
  void descriptorsPassOverUnixSockets() throws Exception {
    Path socket = directory.resolve("target");
    Trap trap =
        Trap.at(
            MessageKind.request(Carrier.MAIN, Command.MEMORY_FD), 1, Place.BEFORE, Fault.DUPLICATE);
    try (UnixListener unix = UnixListener.bind(socket);
        FaultProxy proxy = new FaultProxy("unix:" + socket, List.of(trap), fault -> {});
        UnixConnection source = UnixConnection.connect(Path.of(proxy.url().substring(5)));
        UnixConnection destination = unix.accept();
        EventFd event = EventFd.create()) {
      source.write(Request.memoryFd().encode().asByteBuffer());
      source.sendWithFd(ByteBuffer.allocate(4), event.fd());

      for (int i = 0; i < 2; i++) {
        ByteBuffer request = ByteBuffer.allocate(16);
        while (request.hasRemaining()) {
          assertTrue(destination.read(request) > 0);
        }
        try (OwnedFd passed = destination.receiveWithFd(ByteBuffer.allocate(4))) {
          assertTrue(passed != null && passed.isOpen());
        }
      }
    }
  }

  private FaultProxy proxy(Trap trap) throws IOException {
    return new FaultProxy("tcp:127.0.0.1:" + listener.getLocalPort(), List.of(trap), fault -> {});
  }

  private static Socket dial(FaultProxy proxy) throws IOException {
    int port = Integer.parseInt(proxy.url().substring(proxy.url().lastIndexOf(':') + 1));
    Socket socket = new Socket();
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    return socket;
  }

  private static void send(Socket socket, ByteString bytes) throws IOException {
    socket.getOutputStream().write(bytes.toArray());
  }

  /** A page at 4 MiB: 16 bytes of request, 16 of table, the page. */
  private static ByteString memory() {
    ByteBuffer frame = ByteBuffer.allocate(32 + PAGE);
    Request.memory(1).encode(frame);
    new MemoryRange(4 << 20, PAGE).encode(frame);
    frame.position(frame.limit());
    return ByteString.fromByteBuffer(frame.flip());
  }

  private static int drain(Socket socket) throws IOException {
    int all = 0;
    byte[] some = new byte[PAGE];
    try {
      for (int read; (read = socket.getInputStream().read(some)) > 0; ) {
        all += read;
      }
    } catch (SocketTimeoutException e) {
      // That is all that is there.
    }
    return all;
  }
}
