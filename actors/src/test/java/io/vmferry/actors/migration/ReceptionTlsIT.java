package io.vmferry.actors.migration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.streams.testing.TestAuthority;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who may be a migration's source, and who may add a connection to it. */
@Timeout(60)
class ReceptionTlsIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final Duration SECONDS_10 = Duration.ofSeconds(10);

  @TempDir Path directory;
  private final TestAuthority authority = new TestAuthority("authority");
  private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
  private TlsIdentity source;
  private Reception reception;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void listen() throws IOException {
    Path own = authority.fill(directory.resolve("own"));
    source = TlsIdentity.load(own, TlsIdentity.Side.CLIENT);
    ReceiveOptions options =
        new ReceiveOptions(
            "tcp:127.0.0.1:0", MemoryMode.POSTCOPY, false, true, null, false, own.toString());
    DestinationResume resume =
        new DestinationResume(
            KIT.<MigrationDestination.Command>createTestProbe().ref(), Duration.ofSeconds(10));
    reception = Reception.listen(options, new Recorded(), resume, KIT.system());
    reception.accept();
  }

  @AfterEach
  void close() {
    reception.close();
  }

  /** Puts what happens into the queue; answers Start. */
  private final class Recorded implements ReceptionEvents {
    @Override
    public void sourceConnected() {
      events.add("source");
    }

    @Override
    public void inbound(Inbound event) {
      if (event instanceof Inbound.Start start) {
        start.reply(Response.ok());
      }
      events.add(event);
    }

    @Override
    public void faultConnection(Connection connection) {
      events.add("fault");
    }

    @Override
    public void pushConnection(Connection connection) {
      events.add("push");
    }

    @Override
    public void settled() {
      events.add("settled");
    }

    @Override
    public void ended() {
      events.add("ended");
    }

    @Override
    public void failed(Throwable cause) {
      events.add(cause);
    }
  }

  private Connection connect(TlsIdentity who) throws IOException {
    return Connector.connect(MigrationUrl.parse(reception.url()), who, SECONDS_10);
  }

  private static void start(Connection main) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES);
    Request.start(Extensions.NONE).encode(frame);
    main.writeFully(frame.flip());
    main.readFully(ByteBuffer.allocate(WireFormat.RESPONSE_BYTES));
  }

  private static void say(Connection connection, ConnectionRole role) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(WireFormat.ROLE_BYTES).order(WireFormat.ORDER);
    role.encode(header);
    connection.writeFully(header.flip());
  }

  private Object next() throws InterruptedException {
    return events.poll(20, TimeUnit.SECONDS);
  }

  private TlsIdentity other(TestAuthority by, String name) throws IOException {
    Path files = authority.fill(directory.resolve(name));
    TestAuthority.put(files, "client", by.issue(name));
    return TlsIdentity.load(files, TlsIdentity.Side.CLIENT);
  }

  @Test
  void aStrangerWhoComesFirstIsNotTakenForTheSource() throws Exception {
    TlsIdentity stranger = other(new TestAuthority("other"), "stranger");
    try (Connection refused = connect(stranger)) {
      assertThrows(IOException.class, () -> refused.readFully(ByteBuffer.allocate(1)));
    }
    try (Connection main = connect(source)) {
      start(main);

      assertEquals("source", next());
      assertInstanceOf(Inbound.Start.class, next());
    }
  }

  @Test
  void aSilentStrangerDoesNotHoldUpTheSource() throws Exception {
    try (Connection silent = Connector.connect(MigrationUrl.parse(reception.url()), SECONDS_10);
        Connection main = connect(source)) {
      start(main);

      assertEquals("source", next());
      assertEquals(true, silent.isOpen());
    }
  }

  @Test
  void anotherHostOfTheAuthorityCannotAttachAFaultConnection() throws Exception {
    TlsIdentity neighbour = other(authority, "neighbour");
    try (Connection main = connect(source)) {
      start(main);
      assertEquals("source", next());
      assertInstanceOf(Inbound.Start.class, next());

      try (Connection intruder = connect(neighbour)) {
        say(intruder, ConnectionRole.FAULT);
        assertThrows(IOException.class, () -> intruder.readFully(ByteBuffer.allocate(1)));
      }
      try (Connection fault = connect(source)) {
        say(fault, ConnectionRole.FAULT);

        // The intruder's would have come first.
        assertEquals("fault", next());
        assertEquals(null, events.peek());
        assertEquals(true, fault.isOpen());
      }
    }
  }
}
