package io.vmferry.actors.migration;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transfer.DiscardFrames;
import io.vmferry.streams.transfer.Heartbeat;
import io.vmferry.streams.transfer.MissingRanges;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.transport.TlsIdentity;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.PeerRefusedException;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * The source's connections to one destination: the control commands of the main connection, one
 * after the other, and the connections opened beside it.
 *
 * <p>Blocking, one caller at a time; {@link #close} may come from any thread and ends a call under
 * way. Source: docs/protocol.md#sequences.
 */
public final class SourceChannel implements AutoCloseable {
  private final MigrationUrl url;
  private final @Nullable Path tlsDirectory;
  private final Duration connectTimeout;
  private final Duration answerTimeout;
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private volatile @Nullable Connection main;
  private volatile @Nullable Heartbeat heartbeat;
  private volatile @Nullable IOException death;
  private volatile Extensions agreed = Extensions.NONE;
  private volatile @Nullable TlsIdentity tls;
  private volatile boolean closed;

  /**
   * Nothing is connected before {@link #start}.
   *
   * @param tlsDirectory this host's TLS files as a client; null for connections without TLS
   * @param connectTimeout for a connection to be accepted
   * @param answerTimeout how long the destination may take to answer a command, or take no byte of
   *     one
   */
  public SourceChannel(
      MigrationUrl url,
      @Nullable Path tlsDirectory,
      Duration connectTimeout,
      Duration answerTimeout) {
    this.url = url;
    this.tlsDirectory = tlsDirectory;
    this.connectTimeout = connectTimeout;
    this.answerTimeout = answerTimeout;
  }

  /**
   * Opens the main connection and agrees on the version and the extensions.
   *
   * @throws io.vmferry.streams.transport.TransportException with one sentence for the user if the
   *     TLS files cannot be used, or there is no connection
   * @throws ProtocolException if the destination takes an extension that was not offered
   */
  public void start(Extensions offered) throws IOException {
    loadTls();
    main = open();
    agreed = exchange(Request.start(offered)).extensions().takenFrom(offered);
  }

  private void loadTls() throws IOException {
    Path files = tlsDirectory;
    tls = files == null ? null : TlsIdentity.load(files, TlsIdentity.Side.CLIENT);
  }

  /** What both sides know; none before {@link #start}. */
  public Extensions agreed() {
    return agreed;
  }

  /** Of a migration that another channel began: what was agreed then. */
  void agreedBefore(Extensions extensions) {
    agreed = extensions;
  }

  /** Tells the key that {@link #resume} needs; only where RECOVERY was agreed. */
  void identify(MigrationKey key) throws IOException {
    exchange(Request.of(Command.IDENTIFY, WireFormat.KEY_BYTES), frame(key));
  }

  /** Tells the destination that its answer was read: it need not wait for questions. */
  void settle() {
    if (!agreed.has(Extension.RECOVERY)) {
      return;
    }
    try {
      main().writeFully(frame(Request.of(Command.SETTLED)));
    } catch (IOException e) {
      // It waits in vain for a while, and the guest is there.
    }
  }

  /**
   * Takes the migration up again over a connection of its own; the others are closed.
   *
   * @throws PeerRefusedException if the destination does not know the migration
   */
  void resume(MigrationKey key) throws IOException {
    closeConnections();
    connections.clear();
    death = null;
    if (tls == null) {
      // This side's daemon is not the one that began the migration.
      loadTls();
    }
    Connection connection = openWithRole(ConnectionRole.RESUME);
    main = connection;
    identify(key);
  }

  /**
   * Asks who has the guest. What the destination says it does not take back.
   *
   * @throws IOException if it has not decided yet; it may be asked again
   */
  GuestOwner owner() throws IOException {
    askPayload(Command.OWNER, WireFormat.OWNER_BYTES);
    return GuestOwner.decode(ByteBuffer.wrap(Payloads.read(main(), WireFormat.OWNER_BYTES)));
  }

  /**
   * Asks which pages are missing; none comes over old connections any more.
   *
   * @param memory the guest's
   */
  DirtyPages missing(GuestMemory memory) throws IOException {
    return MissingRanges.read(main(), askPayload(Command.MISSING, -1), memory);
  }

  /** The bytes that follow the answer; {@code expected} of them unless that is negative. */
  private long askPayload(Command command, long expected) throws IOException {
    main().writeFully(frame(Request.of(command)));
    Response response = readResponse();
    if (!response.isOk()) {
      throw new PeerRefusedException(command);
    }
    if (expected >= 0 && response.length() != expected) {
      throw new ProtocolException(
          "an answer of " + expected + " bytes to " + command, response.toString());
    }
    return response.length();
  }

  /** Hands over the memory file of one slot; UNIX sockets only. */
  public void memoryFd(int slot, OwnedFd memory) throws IOException {
    Connection main = main();
    main.writeFully(frame(Request.memoryFd()));
    ByteBuffer number =
        ByteBuffer.allocateDirect(WireFormat.SLOT_BYTES).order(WireFormat.ORDER).putInt(slot);
    main.sendWithFd(number.flip(), memory);
    awaitOk(Command.MEMORY_FD);
  }

  /** Sends the configuration, JSON. */
  public void config(ByteBuffer json) throws IOException {
    exchange(Request.of(Command.CONFIG, json.remaining()), json);
  }

  /** Names the pages that the destination must not take for the guest's. */
  void discard(DirtyPages pages) throws IOException {
    for (DiscardFrames frames = new DiscardFrames(pages.runs()); frames.hasNext(); ) {
      main().writeFully(frames.next());
      awaitOk(Command.DISCARD);
    }
  }

  /** Sends the machine's state, JSON. */
  public void state(ByteBuffer json) throws IOException {
    exchange(Request.of(Command.STATE, json.remaining()), json);
  }

  /**
   * Hands the guest over.
   *
   * @throws PeerRefusedException if the destination certainly does not run the guest; after any
   *     other exception nobody knows
   */
  public void complete(boolean paused) throws IOException {
    exchange(Request.of(paused ? Command.COMPLETE_PAUSED : Command.COMPLETE));
  }

  /** Gives up politely; the destination drops what it has. */
  public void abandon(Duration patience) throws IOException {
    main().setReadTimeout(patience);
    main().writeFully(frame(Request.of(Command.ABANDON)));
    awaitOk(Command.ABANDON);
  }

  /** The connections memory travels on: the main one, or so many of its own. */
  public List<Connection> memoryConnections(int number) throws IOException {
    if (number == 1) {
      return List.of(main());
    }
    List<Connection> opened = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      opened.add(openWithRole(ConnectionRole.PRECOPY_MEMORY));
    }
    return opened;
  }

  /** Opens the connections the destination sends its page faults on. */
  public List<Connection> faultConnections(int number) throws IOException {
    List<Connection> opened = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      Connection fault = openWithRole(ConnectionRole.FAULT);
      fault.noDelay(true);
      // A destination that fetches nothing by itself may be silent for as long as its guest faults
      // on nothing.
      fault.setReadTimeout(Duration.ZERO);
      opened.add(fault);
    }
    return opened;
  }

  /** Opens the connections that pages are pushed on. */
  List<Connection> pushConnections(int number) throws IOException {
    List<Connection> opened = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      opened.add(openWithRole(ConnectionRole.PUSH));
    }
    return opened;
  }

  /**
   * Watches over the destination from here on, where HEARTBEAT was agreed: once it gives no sign of
   * life every connection is closed, and {@link #causeOf} says why.
   *
   * @param timeout within it its death is noticed
   */
  void watch(Duration timeout) throws IOException {
    if (agreed.has(Extension.HEARTBEAT)) {
      heartbeat = Heartbeat.start(openWithRole(ConnectionRole.HEARTBEAT), timeout, this::onDeath);
    }
  }

  private void onDeath(IOException cause) {
    death =
        cause instanceof PeerStalledException
            ? new PeerStalledException("The destination gives no sign of life.", cause)
            : cause;
    connections.forEach(Connection::close);
  }

  /** Why an operation really failed: connections that this side closed say nothing of it. */
  Throwable causeOf(Throwable failure) {
    IOException dead = death;
    return dead == null ? failure : dead;
  }

  private void closeConnections() {
    Heartbeat beating = heartbeat;
    if (beating != null) {
      beating.close();
    }
    connections.forEach(Connection::close);
  }

  /** Ends a call under way and closes every connection. */
  @Override
  public void close() {
    closed = true;
    closeConnections();
  }

  private Connection openWithRole(ConnectionRole role) throws IOException {
    Connection connection = open();
    ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.ROLE_BYTES).order(WireFormat.ORDER);
    role.encode(header);
    connection.writeFully(header.flip());
    return connection;
  }

  private Connection open() throws IOException {
    Connection connection = Connector.connect(url, tls, connectTimeout);
    connections.add(connection);
    if (closed) {
      connection.close();
      throw new IOException("The connection was closed by this side.");
    }
    connection.setReadTimeout(answerTimeout);
    connection.setWriteTimeout(answerTimeout);
    return connection;
  }

  private Connection main() {
    return Objects.requireNonNull(main, "not connected");
  }

  private Response exchange(Request request, ByteBuffer... payload) throws IOException {
    ByteBuffer[] buffers = new ByteBuffer[payload.length + 1];
    buffers[0] = frame(request);
    System.arraycopy(payload, 0, buffers, 1, payload.length);
    main().writeFully(buffers);
    return awaitOk(request.command());
  }

  private Response awaitOk(Command command) throws IOException {
    Response response = readResponse().requireEmpty(command);
    if (!response.isOk()) {
      throw new PeerRefusedException(command);
    }
    return response;
  }

  private Response readResponse() throws IOException {
    ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);
    main().readFully(answer);
    return Response.decode(answer.flip());
  }

  private static ByteBuffer frame(MigrationKey key) {
    ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.KEY_BYTES);
    key.encode(frame);
    return frame.flip();
  }

  private static ByteBuffer frame(Request request) {
    ByteBuffer frame = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
    request.encode(frame);
    return frame.flip();
  }
}
