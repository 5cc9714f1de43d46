package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Request;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** UNIX connections over real sockets. */
@Timeout(60)
class LocalConnectionIT {
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);

  @TempDir private Path directory;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Listener listener;
  private Connection here;
  private Connection there;

  @BeforeEach
  void connect() throws Exception {
    listener = Listener.bind(MigrationUrl.parse("unix:" + directory.resolve("vm.sock")));
    Future<Connection> accepted = threads.submit(listener::accept);
    here = Connector.connect(listener.url(), SECONDS_10);
    there = accepted.get();
  }

  @AfterEach
  void close() throws Exception {
    here.close();
    there.close();
    listener.close();
    threads.shutdownNow();
    assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS), "a thread is still blocked");
    assertFalse(Files.exists(directory.resolve("vm.sock")));
    assertEquals(0, StallWatch.shared().watchedConnections());
  }

  @Test
  void handsAMemfdOverAsTheProtocolDoes() throws Exception {
    try (Memfd memfd = Memfd.create("wire-test", 1 << 20, PageSize.KIB_4)) {
      memfd.writeAt(4096, ByteBuffer.allocateDirect(3).put(new byte[] {7, 8, 9}).flip());
      // Queued behind each other: reading the request must not swallow the descriptor.
      here.writeFully(Request.memoryFd().encode().asByteBuffer());
      here.sendWithFd(ByteBuffer.wrap(new byte[] {5, 0, 0, 0}), memfd.fd());
      here.writeFully(Request.of(Command.CONFIG, 2).encode().asByteBuffer());

      ByteBuffer frame = ByteBuffer.allocate(16);
      there.readFully(frame);
      assertEquals(Command.MEMORY_FD, Request.decode(frame.flip()).command());
      ByteBuffer slot = ByteBuffer.allocate(4);
      OwnedFd fd = there.receiveWithFd(slot);
      there.readFully(frame.clear());

      assertEquals(Command.CONFIG, Request.decode(frame.flip()).command());
      assertEquals(5, slot.get(0));
      assertEquals(36, there.bytesRead());
      assertEquals(36, here.bytesWritten());
      try (Memfd adopted = Memfd.adopt(fd, PageSize.KIB_4);
          Mapping mapping = adopted.map(0, 1 << 20)) {
        ByteBuffer seen = ByteBuffer.allocateDirect(3);
        mapping.copyOut(4096, seen);
        assertEquals(9, seen.get(2));
      }
    }
  }

  @Test
  void missesADescriptorThatDoesNotCome() throws Exception {
    here.writeFully(ByteBuffer.allocate(4));

    TransportException e =
        assertThrows(TransportException.class, () -> there.receiveWithFd(ByteBuffer.allocate(4)));

    assertTrue(e.getMessage().contains("without a file descriptor"), e.getMessage());
  }

  @Test
  void carriesBulkBothWaysAtOnce() throws Exception {
    int size = 8 << 20;
    Future<ByteBuffer> back = threads.submit(() -> echo(size));
    ByteBuffer sent = ByteBuffer.allocateDirect(size);
    for (int i = 0; i < size; i += 8) {
      sent.putLong(i, i * 0x9e3779b97f4a7c15L);
    }
    Future<?> writer =
        threads.submit(
            () -> {
              here.writeFully(sent.duplicate());
              return null;
            });
    ByteBuffer received = ByteBuffer.allocateDirect(size);

    here.readFully(received);

    writer.get();
    back.get();
    assertEquals(sent, received.flip());
  }

  private ByteBuffer echo(int size) throws IOException {
    ByteBuffer piece = ByteBuffer.allocateDirect(1 << 16);
    for (int done = 0; done < size; done += piece.capacity()) {
      there.readFully(piece.clear());
      there.writeFully(piece.flip());
    }
    return piece;
  }

  @Test
  void tellsAnEndBetweenFramesFromATruncatedFrame() throws Exception {
    here.writeFully(ByteBuffer.allocate(20));
    here.close();

    assertTrue(there.readFullyOrEof(ByteBuffer.allocate(16)));
    assertThrows(EOFException.class, () -> there.readFullyOrEof(ByteBuffer.allocate(16)));
    assertFalse(there.readFullyOrEof(ByteBuffer.allocate(16)));
  }

  @Test
  void aSilentPeerEndsAReadWithATimeout() {
    there.setReadTimeout(Duration.ofMillis(200));

    PeerStalledException e =
        assertThrows(
            PeerStalledException.class, () -> there.readFully(ByteBuffer.allocateDirect(16)));

    assertTrue(e.getMessage().endsWith("nothing came from the peer for 0.2 s"), e.getMessage());
    assertFalse(there.isOpen());
  }

  @Test
  void aMissingDescriptorTimesOutToo() {
    there.setReadTimeout(Duration.ofMillis(100));

    assertThrows(PeerStalledException.class, () -> there.receiveWithFd(ByteBuffer.allocate(4)));
  }

  @Test
  void closingUnblocksReaderAndAccept() throws Exception {
    Future<?> read =
        threads.submit(
            () -> {
              there.readFully(ByteBuffer.allocateDirect(16));
              return null;
            });
    Future<Connection> accept = threads.submit(listener::accept);

    there.close();
    listener.close();

    assertTrue(failure(read).getMessage().endsWith("closed by this side"));
    assertEquals("The listener on " + listener.url() + " was closed", failure(accept).getMessage());
  }

  private static Throwable failure(Future<?> call) {
    return assertThrows(ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS)).getCause();
  }

  @Test
  void explainsWhatIsWrongWithAPath() throws Exception {
    assertEquals(
        "Cannot listen on "
            + listener.url()
            + ": the file exists and is in use; choose another path",
        assertThrows(TransportException.class, () -> Listener.bind(listener.url())).getMessage());
    MigrationUrl nowhere = MigrationUrl.parse("unix:" + directory.resolve("none/vm.sock"));
    assertEquals(
        "Cannot listen on " + nowhere + ": the directory does not exist",
        assertThrows(TransportException.class, () -> Listener.bind(nowhere)).getMessage());
    assertEquals(
        "Cannot connect to " + nowhere + ": there is no such socket; start the destination first",
        assertThrows(TransportException.class, () -> Connector.connect(nowhere, SECONDS_10))
            .getMessage());
  }
}
