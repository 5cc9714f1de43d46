package io.vmferry.kvm.socket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.ChildJvm;
import io.vmferry.kvm.testing.KernelThreads;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UnixSocketIT {
  // Source: include/uapi/asm-generic/fcntl.h.
  private static final int O_CLOEXEC = 0x80000;

  // Source: arch/x86/entry/syscalls/syscall_64.tbl.
  private static final int SYS_SENDTO = 44;
  private static final int SYS_RECVFROM = 45;
  private static final int SYS_ACCEPT4 = 288;

  @TempDir Path directory;
  private Path path;
  private UnixListener listener;
  private UnixConnection client;
  private UnixConnection server;

  /** A body that may fail with an I/O error. */
  private interface Body<T> {
    T run() throws Exception;
  }

  @BeforeEach
  void connect() throws IOException {
    path = directory.resolve("s");
    listener = UnixListener.bind(path);
    client = UnixConnection.connect(path);
    server = listener.accept();
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
    listener.close();
    assertFalse(Files.exists(path), "the socket file is left");
  }

  private static <T> CompletableFuture<T> background(String name, Body<T> body) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                result.complete(body.run());
              } catch (Throwable e) {
                result.completeExceptionally(e);
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  private static ByteBuffer bytes(int... values) {
    ByteBuffer buffer = DirectBuffers.allocate(values.length);
    for (int value : values) {
      buffer.put((byte) value);
    }
    return buffer.flip();
  }

  private static void readFully(UnixConnection from, ByteBuffer into) throws IOException {
    while (into.hasRemaining()) {
      if (from.read(into) < 0) {
        throw new EOFException();
      }
    }
  }

  private static void assertEndsWith(
      Class<? extends Exception> cause, CompletableFuture<?> blocked) {
    var failure = assertThrows(ExecutionException.class, () -> blocked.get(20, SECONDS));
    assertInstanceOf(cause, failure.getCause());
  }

  @Test
  void heapAndDirectBuffersArriveAsTheyAre() throws Exception {
    byte[] sent = new byte[300_000];
    new Random(3).nextBytes(sent);
    var writer =
        background(
            "writer",
            () -> {
              int heap = client.write(ByteBuffer.wrap(sent, 1, 200_000));
              ByteBuffer direct = DirectBuffers.allocate(sent.length).put(sent).flip();
              return heap + client.write(direct.position(200_001));
            });
    ByteBuffer heap = ByteBuffer.allocate(150_000);
    ByteBuffer direct = DirectBuffers.allocate(150_010).position(11);

    readFully(server, heap);
    readFully(server, direct);

    assertEquals(299_999, writer.get(20, SECONDS));
    byte[] received = new byte[299_999];
    heap.flip().get(received, 0, 150_000);
    direct.position(11).get(received, 150_000, 149_999);
    assertArrayEquals(Arrays.copyOfRange(sent, 1, 300_000), received);
  }

  @Test
  void gathersManyBuffersOfBothKindsInOrder() throws Exception {
    int parts = 150;
    ByteBuffer[] buffers = new ByteBuffer[parts];
    for (int i = 0; i < parts; i++) {
      int length = i % 3 == 0 ? 0 : 1000 + i;
      buffers[i] = i % 40 == 7 ? ByteBuffer.allocate(length) : DirectBuffers.allocate(length);
      for (int k = 0; k < length; k++) {
        buffers[i].put(k, (byte) i);
      }
    }
    var writer = background("writer", () -> client.write(buffers, 1, parts - 1));

    for (int i = 1; i < parts; i++) {
      ByteBuffer part = ByteBuffer.allocate(i % 3 == 0 ? 0 : 1000 + i);
      readFully(server, part);
      for (int k = 0; k < part.capacity(); k++) {
        assertEquals((byte) i, part.get(k));
      }
    }

    assertTrue(writer.get(20, SECONDS) > 100_000);
    for (ByteBuffer buffer : Arrays.asList(buffers).subList(1, parts)) {
      assertFalse(buffer.hasRemaining());
    }
  }

  @Test
  void anEmptyReadOrWriteMovesNothing() throws Exception {
    assertEquals(0, client.write(ByteBuffer.allocate(0)));
    assertEquals(0, client.read(ByteBuffer.allocate(0)));
    assertEquals(0, client.write(new ByteBuffer[0]));
  }

  @Test
  void theEndOfTheStreamIsMinusOneAndAnEofWhereADescriptorIsDue() throws Exception {
    client.write(bytes(1));
    client.close();

    assertEquals(1, server.read(DirectBuffers.allocate(8)));
    assertEquals(-1, server.read(DirectBuffers.allocate(8)));
    assertThrows(EOFException.class, () -> server.receiveWithFd(DirectBuffers.allocate(8)));
    var refused = assertThrows(SyscallException.class, () -> server.write(bytes(1)));
    assertEquals(Errno.EPIPE, refused.errno());
  }

  @Test
  void anEndedOutputIsTheEndForThePeerWhichMayWriteOn() throws Exception {
    client.write(bytes(1));
    client.shutdownOutput();
    server.write(bytes(2));

    ByteBuffer there = DirectBuffers.allocate(8);
    assertEquals(1, server.read(there));
    assertEquals(-1, server.read(there));
    assertEquals(1, client.read(DirectBuffers.allocate(8)));
  }

  @Test
  void passesAMemfdWithItsBytesAndNothingElse() throws Exception {
    try (Memfd memfd = Memfd.create("test", 4096, PageSize.KIB_4)) {
      memfd.writeAt(0, bytes(5, 6, 7));
      client.write(bytes(9));
      client.sendWithFd(bytes(1, 2, 3, 4), memfd.fd());
      client.write(bytes(8));
      assertTrue(memfd.fd().isOpen());

      assertNull(server.receiveWithFd(DirectBuffers.allocate(1)));
      ByteBuffer frame = ByteBuffer.allocate(9);
      try (OwnedFd received = server.receiveWithFd(frame);
          Memfd same = Memfd.adopt(received);
          Mapping mapping = same.map(0, 4096)) {
        assertEquals(4, frame.position(), "what was sent later stays for later");
        assertArrayEquals(new byte[] {1, 2, 3, 4}, Arrays.copyOf(frame.array(), 4));
        assertEquals(7, mapping.slice(0, 3).get(2));
        assertEquals(O_CLOEXEC, flags(received) & O_CLOEXEC, "close-on-exec");
      }
      ByteBuffer last = DirectBuffers.allocate(1);
      assertNull(server.receiveWithFd(last));
      assertEquals(8, last.get(0));
    }
  }

  private static int flags(OwnedFd fd) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.raw())).stream()
        .filter(line -> line.startsWith("flags:"))
        .mapToInt(line -> Integer.parseInt(line.substring("flags:".length()).strip(), 8))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aDescriptorThatNobodyAskedForIsClosedByTheKernel() throws Exception {
    long before = openDescriptors();
    try (EventFd event = EventFd.create()) {
      client.sendWithFd(bytes(1), event.fd());

      assertEquals(1, server.read(DirectBuffers.allocate(1)));
    }

    assertEquals(before, openDescriptors());
  }

  @Test
  void aDescriptorThatIsNotOpenIsRefusedAndNothingSent() throws Exception {
    EventFd event = EventFd.create();
    event.close();

    assertThrows(IllegalStateException.class, () -> client.sendWithFd(bytes(1), event.fd()));
    assertThrows(
        IllegalArgumentException.class,
        () -> client.sendWithFd(ByteBuffer.allocate(0), event.fd()));
    server.setReadTimeout(Duration.ofMillis(20));
    assertThrows(SocketTimeoutException.class, () -> server.read(DirectBuffers.allocate(1)));
  }

  @Test
  void descriptorsPassBetweenTwoJvms() throws Exception {
    try (Memfd memfd = Memfd.create("test", 4096, PageSize.KIB_4);
        EventFd event = EventFd.create();
        ChildJvm child = ChildJvm.start(DescriptorPeer.class, path.toString());
        UnixConnection peer = listener.accept()) {
      memfd.writeAt(0, bytes(21));

      peer.sendWithFd(bytes(1), memfd.fd());
      peer.sendWithFd(bytes(2), event.fd());
      ByteBuffer answer = DirectBuffers.allocate(1);
      try (OwnedFd fromChild = peer.receiveWithFd(answer)) {
        ByteBuffer content = DirectBuffers.allocate(2);
        memfd.readAt(0, content);
        assertEquals(42, content.get(1), "the child sees the bytes and doubles them");
        assertEquals(3, event.drain());
        try (Memfd childs = Memfd.adopt(assertNotNullFd(fromChild))) {
          assertEquals(8192, childs.sizeBytes());
        }
      }

      assertEquals(0, child.awaitExit(Duration.ofSeconds(20)));
    }
  }

  private static OwnedFd assertNotNullFd(OwnedFd fd) {
    assertNotNull(fd, "no descriptor came");
    return fd;
  }

  @Test
  void readTimesOutAndThenWorks() throws Exception {
    server.setReadTimeout(Duration.ofMillis(30));
    assertThrows(SocketTimeoutException.class, () -> server.read(ByteBuffer.allocate(1)));
    assertThrows(
        SocketTimeoutException.class, () -> server.receiveWithFd(DirectBuffers.allocate(1)));

    client.write(bytes(1));
    assertEquals(1, server.read(ByteBuffer.allocate(1)));
    server.setReadTimeout(Duration.ZERO);
    var reader = background("reader", () -> server.read(DirectBuffers.allocate(1)));
    KernelThreads.awaitInside("reader", SYS_RECVFROM);
    client.write(bytes(1));

    assertEquals(1, reader.get(20, SECONDS));
  }

  @Test
  void closeEndsABlockedReader() throws Exception {
    var reader = background("reader", () -> server.read(DirectBuffers.allocate(1)));
    KernelThreads.awaitInside("reader", SYS_RECVFROM);

    server.close();

    assertEndsWith(AsynchronousCloseException.class, reader);
    assertThrows(ClosedChannelException.class, () -> server.read(DirectBuffers.allocate(1)));
  }

  @Test
  void closeEndsABlockedWriter() throws Exception {
    var writer = background("writer", () -> client.write(DirectBuffers.allocate(16 << 20)));
    KernelThreads.awaitInside("writer", SYS_SENDTO);

    client.close();

    assertEndsWith(AsynchronousCloseException.class, writer);
  }

  @Test
  void closeEndsABlockedAcceptor() throws Exception {
    var acceptor = background("acceptor", listener::accept);
    KernelThreads.awaitInside("acceptor", SYS_ACCEPT4);

    listener.close();

    assertEndsWith(AsynchronousCloseException.class, acceptor);
    assertThrows(ClosedChannelException.class, listener::accept);
    assertFalse(Files.exists(path));
  }

  @Test
  void shutdownEndsBothSides() throws Exception {
    var reader = background("reader", () -> server.read(DirectBuffers.allocate(1)));
    KernelThreads.awaitInside("reader", SYS_RECVFROM);

    server.shutdown();

    assertEquals(-1, reader.get(20, SECONDS));
    assertEquals(-1, client.read(DirectBuffers.allocate(1)));
    assertTrue(server.isOpen());
  }

  @Test
  void closingAtAnyMomentEndsTheReaderAndNeverHitsAnotherDescriptor() throws Exception {
    Random random = new Random(5);
    for (int round = 0; round < 300; round++) {
      UnixConnection one = UnixConnection.connect(path);
      try (UnixConnection other = listener.accept()) {
        var reader = background("reader", () -> one.read(DirectBuffers.allocate(1)));
        for (int spin = random.nextInt(20_000); spin > 0; spin--) {
          Thread.onSpinWait();
        }
        one.close();
        // Takes the number at once, if it is free: a late call on it would show here.
        try (EventFd event = EventFd.create()) {
          event.signal();
          assertEndsWith(ClosedChannelException.class, reader);
          assertEquals(1, event.drain());
        }
        assertEquals(-1, other.read(DirectBuffers.allocate(1)));
      }
    }
  }

  @Test
  void theFileIsForItsOwnerAlone() throws Exception {
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));

    Path shared = directory.resolve("shared");
    try (UnixListener other = UnixListener.bind(shared, 0640)) {
      assertEquals(
          "rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(other.path())));
    }
  }

  @Test
  void aSocketThatAnswersIsNotReplaced() throws Exception {
    var refused = assertThrows(SyscallException.class, () -> UnixListener.bind(path));

    assertEquals(Errno.EADDRINUSE, refused.errno());
    UnixConnection.connect(path).close();
    listener.accept().close();
  }

  @Test
  void aSocketFileNobodyAnswersOnIsReplaced() throws Exception {
    Path stale = directory.resolve("stale");
    try (var channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.bind(UnixDomainSocketAddress.of(stale));
    }
    assertTrue(Files.exists(stale), "the file outlives its socket");

    try (UnixListener replacement = UnixListener.bind(stale);
        UnixConnection one = UnixConnection.connect(stale);
        UnixConnection other = replacement.accept()) {
      one.write(bytes(1));
      assertEquals(1, other.read(DirectBuffers.allocate(1)));
    }
  }

  @Test
  void aFileThatIsNoSocketIsNotReplaced() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "precious");

    var refused = assertThrows(SyscallException.class, () -> UnixListener.bind(file));

    assertEquals(Errno.EADDRINUSE, refused.errno());
    assertEquals("precious", Files.readString(file));
  }

  @Test
  void closeLeavesAFileThatSomebodyPutInItsPlace() throws Exception {
    Path place = directory.resolve("place");
    UnixListener first = UnixListener.bind(place);
    Files.delete(place);
    try (UnixListener second = UnixListener.bind(place)) {
      first.close();

      assertTrue(Files.exists(place));
      UnixConnection.connect(place).close();
      second.accept().close();
    }
  }

  @Test
  void aPathThatIsTooLongIsAClearError() {
    Path longPath = directory.resolve("x".repeat(120));

    for (var refused :
        new IOException[] {
          assertThrows(IOException.class, () -> UnixListener.bind(longPath)),
          assertThrows(IOException.class, () -> UnixConnection.connect(longPath))
        }) {
      assertTrue(refused.getMessage().contains("1 to 107 bytes"), refused.getMessage());
      assertTrue(refused.getMessage().contains(longPath.toString()), refused.getMessage());
    }
  }

  @Test
  void theLongestPathWorks() throws Exception {
    int room = SocketCalls.MAX_PATH_BYTES - directory.toString().length() - 1;
    Path longest = directory.resolve("y".repeat(room));

    try (UnixListener one = UnixListener.bind(longest);
        UnixConnection connection = UnixConnection.connect(longest)) {
      assertEquals(longest, connection.path());
      one.accept().close();
    }
    assertFalse(Files.exists(longest));
  }

  @Test
  void whereNobodyListensConnectingIsRefused() {
    var refused =
        assertThrows(
            SyscallException.class, () -> UnixConnection.connect(directory.resolve("none")));

    assertEquals(Errno.ENOENT, refused.errno());
  }

  private static long openDescriptors() throws IOException {
    try (var list = Files.list(Path.of("/proc/self/fd"))) {
      return list.count();
    }
  }
}
