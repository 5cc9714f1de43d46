package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.testing.Relay;
import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import io.vmferry.streams.transport.TruncatedStreamException;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** TLS connections that end without close_notify: Cloud Hypervisor's all do, and cut ones. */
@Timeout(60)
class TruncatedEndIT {
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);

  @AutoClose private static final StreamSystem SYSTEM = new StreamSystem("TruncatedEndIT");

  @TempDir Path directory;
  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory memory = hosts.source();
  private Relay relay;
  private Connection peer;
  private Connection here;

  @BeforeEach
  void connect() throws Exception {
    new TestAuthority("authority").fill(directory);
    TlsIdentity server = TlsIdentity.load(directory, TlsIdentity.Side.SERVER);
    TlsIdentity client = TlsIdentity.load(directory, TlsIdentity.Side.CLIENT);
    try (Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"), server)) {
      relay = Relay.to(listener.url());
      CompletableFuture<Connection> accepted =
          CompletableFuture.supplyAsync(() -> accept(listener));
      peer = Connector.connect(relay.url(), client, SECONDS_10);
      here = accepted.get();
    }
  }

  private static Connection accept(Listener listener) {
    try {
      Connection connection = listener.accept();
      connection.handshake(SECONDS_10);
      return connection;
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  @AfterEach
  void close() throws IOException {
    peer.close();
    here.close();
    relay.close();
  }

  @Test
  void aFaultConnectionMayEndSoOnceEveryPageWasServed() throws Exception {
    PresentBitmap served = FaultServing.servedPages(memory);
    served.set(0, served.pages() - 1);
    CompletableFuture<Void> serving = serve(served);
    askForTheLastPage();

    relay.cut();

    serving.get(30, TimeUnit.SECONDS);
    assertTrue(served.isComplete());
  }

  @Test
  void aFaultConnectionMayNotEndSoBefore() throws Exception {
    PresentBitmap served = FaultServing.servedPages(memory);
    served.set(0, served.pages() - 2);
    CompletableFuture<Void> serving = serve(served);
    askForTheLastPage();

    relay.cut();

    assertInstanceOf(TruncatedStreamException.class, failure(serving));
  }

  private CompletableFuture<Void> serve(PresentBitmap served) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            new FaultServing(here, memory, served).run();
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        });
  }

  private void askForTheLastPage() throws IOException {
    var last = memory.regions().get(memory.regions().size() - 1);
    ByteBuffer frame =
        ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES)
            .order(WireFormat.ORDER);
    Request.pageFault().encode(frame);
    new MemoryRange(last.end().value() - Guests.PAGE, Guests.PAGE).encode(frame);
    peer.writeFully(frame.flip());
    peer.readFully(ByteBuffer.allocate(WireFormat.RESPONSE_BYTES + Guests.PAGE));
  }

  @Test
  void aMemoryConnectionMayEndSoBetweenTwoFramesOfVersion0() throws Exception {
    MemoryReceiver receiver = new MemoryReceiver(memory, Extensions.NONE, bytes -> {});
    var received = receiver.receiveAll(here, SYSTEM.materializer()).toCompletableFuture();

    relay.cut();

    assertEquals(ReceivedMemory.NOTHING, received.get(30, TimeUnit.SECONDS));
  }

  @Test
  void aMemoryConnectionOfOurOwnMayNot() {
    MemoryReceiver receiver = new MemoryReceiver(memory, Extensions.known(), bytes -> {});
    var received = receiver.receiveAll(here, SYSTEM.materializer()).toCompletableFuture();

    assertThrows(
        ExecutionException.class,
        () -> {
          relay.cut();
          received.get(30, TimeUnit.SECONDS);
        });
    assertInstanceOf(TruncatedStreamException.class, failure(received));
  }

  @Test
  void noMemoryConnectionMayEndSoInsideAFrame() throws Exception {
    MemoryReceiver receiver = new MemoryReceiver(memory, Extensions.NONE, bytes -> {});
    var received = receiver.receiveAll(here, SYSTEM.materializer()).toCompletableFuture();
    peer.writeFully(ByteBuffer.allocate(3));
    while (here.bytesRead() < 3) {
      Thread.onSpinWait();
    }

    relay.cut();

    assertInstanceOf(TruncatedStreamException.class, failure(received));
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(30, TimeUnit.SECONDS))
        .getCause();
  }
}
