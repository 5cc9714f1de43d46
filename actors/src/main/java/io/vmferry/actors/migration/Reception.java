package io.vmferry.actors.migration;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.Outside;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transfer.Heartbeat;
import io.vmferry.streams.transfer.MemoryReceiver;
import io.vmferry.streams.transfer.ResumeServing;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.PeerStalledException;
import io.vmferry.streams.transport.TlsIdentity;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.stream.KillSwitch;
import org.apache.pekko.stream.Materializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where one source connects to: the first connection is the main one, every further one says its
 * role.
 *
 * <p>Owns the listener, its thread and the connections; those of postcopy are used by others. A
 * connection that does not say a known role in time is dropped and disturbs nobody. Each is heard
 * on a fenced thread; {@link ReceptionEvents} are told on others.
 *
 * <p>With TLS only who proves itself in time is taken at all, the first of them as the main
 * connection, and further connections only with the very certificate of that: another host of the
 * same authority cannot attach itself to the migration. Source: docs/protocol.md#connections, #tls.
 */
public final class Reception implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Reception.class);

  private final Listener listener;
  private final ReceptionEvents events;
  private final ResumeServing.@Nullable Answers resume;
  private final Duration deadPeerTimeout;
  private final Materializer materializer;
  private final Sandbox sandbox;
  private final AtomicReference<@Nullable Source> main = new AtomicReference<>();
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private final CompletableFuture<MemoryReceiver> memory = new CompletableFuture<>();
  private volatile @Nullable KillSwitch commands;
  private volatile Extensions agreed = Extensions.NONE;
  private volatile boolean closed;

  /**
   * Whose main connection came.
   *
   * @param certificate what it proved itself with; null without TLS
   */
  private record Source(@Nullable X509Certificate certificate) {}

  private Reception(
      Listener listener,
      ReceptionEvents events,
      ResumeServing.@Nullable Answers resume,
      Duration deadPeerTimeout,
      Materializer materializer) {
    this.listener = listener;
    this.events = events;
    this.resume = resume;
    this.deadPeerTimeout = deadPeerTimeout;
    this.materializer = materializer;
    this.sandbox = Sandbox.of(materializer.system());
  }

  /**
   * Begins to listen; nothing is accepted before {@link #accept}.
   *
   * @throws IOException with one sentence for the user if the address or the TLS files cannot be
   *     used
   */
  static Reception listen(
      ReceiveOptions options,
      ReceptionEvents events,
      ResumeServing.Answers resume,
      ActorSystem<?> system)
      throws IOException {
    return new Reception(
        bind(options.receiverUrl(), options.tlsDir()),
        events,
        resume,
        SessionTimeouts.of(system).deadPeer(),
        Materializer.matFromSystem(system));
  }

  /**
   * A reception for a source that was connected to an earlier run of this host, and comes to ask;
   * nothing is accepted before {@link #accept}.
   *
   * @param certificate what that source proved itself with; null without TLS
   * @param agreed what both sides know, RECOVERY among it
   * @throws IOException as {@link #listen}
   */
  static Reception listenAgain(
      String url,
      @Nullable String tlsDir,
      @Nullable X509Certificate certificate,
      Extensions agreed,
      ResumeServing.Answers resume,
      ActorSystem<?> system)
      throws IOException {
    Reception reception =
        new Reception(
            bind(url, tlsDir),
            new OnlyQuestions(),
            resume,
            SessionTimeouts.of(system).deadPeer(),
            Materializer.matFromSystem(system));
    reception.main.set(new Source(certificate));
    reception.agreed = agreed;
    reception.memory.completeExceptionally(new IOException("No memory is received any more."));
    return reception;
  }

  private static Listener bind(String url, @Nullable String tlsDir) throws IOException {
    TlsIdentity tls =
        tlsDir == null ? null : TlsIdentity.load(Path.of(tlsDir), TlsIdentity.Side.SERVER);
    return Listener.bind(MigrationUrl.parse(url), tls);
  }

  /**
   * A reception for whoever agrees on no extension; nothing is accepted before {@link #accept}.
   *
   * @param listener owned by the reception from here on
   */
  public static Reception ofVersion0(
      Listener listener, ReceptionEvents events, Materializer materializer) {
    return new Reception(listener, events, null, Duration.ZERO, materializer);
  }

  /** The address, with the port that was bound. */
  String url() {
    return listener.url().toString();
  }

  /** Whether a source can hand over descriptors here. */
  public boolean passesDescriptors() {
    return listener.url() instanceof MigrationUrl.Unix;
  }

  /** Starts the thread that accepts connections. */
  public void accept() {
    Thread thread = new Thread(this::acceptAll, "accept-" + url());
    thread.setDaemon(true);
    thread.start();
  }

  /** The guest's memory is there: connections that carry memory may begin. */
  public void receiveInto(GuestMemory guestMemory, Extensions extensions, LongConsumer progress) {
    agreed = extensions;
    memory.complete(new MemoryReceiver(guestMemory, extensions, progress));
  }

  @Override
  public void close() {
    closed = true;
    listener.close();
    connections.forEach(Connection::close);
    endCommands();
  }

  private void endCommands() {
    KillSwitch open = commands;
    if (open != null) {
      open.abort(new IOException("The reception was closed."));
    }
  }

  private void acceptAll() {
    try {
      while (!closed) {
        welcome(listener.accept());
      }
    } catch (IOException e) {
      fail(e);
    }
  }

  /** Waits for the peer on a thread of its own: a silent stranger must not hold up the others. */
  private void welcome(Connection connection) {
    if (connections.size() > WireLimits.CONNECTIONS) {
      connection.close();
      return;
    }
    own(connection);
    if (!connection.mustHandshake() && main.compareAndSet(null, new Source(null))) {
      serveMain(connection);
      return;
    }
    String name = "role-" + connection.describe();
    sandbox.thread(SandboxRole.HEARS_PEER, name, () -> serve(connection)).start();
  }

  private void serve(Connection connection) {
    try {
      connection.handshake(WireLimits.ROLE_TIMEOUT);
    } catch (IOException e) {
      LOG.warn("A connection was refused: {}", sandbox.noticed(e).getMessage());
      drop(connection);
      return;
    }
    if (main.compareAndSet(null, new Source(connection.peerCertificate()))) {
      serveMain(connection);
    } else if (isOfMain(connection)) {
      serveRole(connection);
    } else {
      LOG.warn(
          "{} was refused: its certificate is not the one of the migration's main connection",
          connection.describe());
      drop(connection);
    }
  }

  private void serveMain(Connection connection) {
    Outside.run(
        () -> {
          events.sourceConnected();
          commands = MainConnection.serve(connection, events, this::fail, materializer);
          if (closed) {
            endCommands();
          }
        });
  }

  private boolean isOfMain(Connection connection) {
    return Objects.equals(sourceCertificate(), connection.peerCertificate());
  }

  /** What the source proved itself with, once it is connected; null without TLS. */
  @Nullable X509Certificate sourceCertificate() {
    return Objects.requireNonNull(main.get()).certificate();
  }

  private void serveRole(Connection connection) {
    ConnectionRole role = role(connection);
    if (role == ConnectionRole.PRECOPY_MEMORY) {
      Outside.run(() -> receiveMemory(connection));
    } else if (role == ConnectionRole.FAULT) {
      Outside.run(() -> events.faultConnection(connection));
    } else if (role == ConnectionRole.PUSH) {
      Outside.run(() -> events.pushConnection(connection));
    } else if (role == ConnectionRole.RESUME && resume != null && agreed.has(Extension.RECOVERY)) {
      resume(connection, resume);
    } else if (role == ConnectionRole.HEARTBEAT && agreed.has(Extension.HEARTBEAT)) {
      watch(connection);
    } else {
      drop(connection);
    }
  }

  private void receiveMemory(Connection connection) {
    memory
        .minimalCompletionStage()
        .thenCompose(receiver -> receiver.receiveAll(connection, materializer))
        .whenComplete((received, failure) -> onMemoryEnd(connection, failure));
  }

  private void onMemoryEnd(Connection connection, @Nullable Throwable failure) {
    if (failure != null) {
      fail(failure);
      drop(connection);
    }
  }

  private void drop(Connection connection) {
    connections.remove(connection);
    connection.close();
  }

  /** Whatever comes here is no failure of the migration: it may be a stranger. */
  private void resume(Connection connection, ResumeServing.Answers answers) {
    try {
      new ResumeServing(connection, agreed, answers, () -> closeBut(connection)).run();
    } catch (IOException e) {
      LOG.debug("A resume connection ended", sandbox.noticed(e));
    } finally {
      drop(connection);
    }
  }

  /** A source that is silent is dead: what it had open ends, and it may come back. */
  private void watch(Connection connection) {
    try {
      Heartbeat.answer(connection, deadPeerTimeout);
      // Where a command waits for its answer nobody reads the main connection's end.
      fail(new EOFException("The source closed " + connection.describe() + '.'));
    } catch (PeerStalledException e) {
      fail(new PeerStalledException("The source gives no sign of life.", e));
      closeBut(connection);
    } catch (IOException e) {
      LOG.debug("A heartbeat connection ended", sandbox.noticed(e));
    } finally {
      drop(connection);
    }
  }

  /** Closes every connection and goes on listening: the source may come back. */
  void hangUp() {
    closeBut(null);
  }

  private void closeBut(@Nullable Connection kept) {
    List<Connection> dead = new ArrayList<>(connections);
    dead.removeIf(connection -> connection == kept);
    dead.forEach(Connection::close);
    connections.removeAll(dead);
  }

  private @Nullable ConnectionRole role(Connection connection) {
    ByteBuffer header = ByteBuffer.allocateDirect(WireFormat.ROLE_BYTES);
    connection.setReadTimeout(WireLimits.ROLE_TIMEOUT);
    try {
      connection.readFully(header);
      connection.setReadTimeout(Duration.ZERO);
      connection.noDelay(true);
      return ConnectionRole.decode(header.flip());
    } catch (IOException e) {
      IOException unused = sandbox.noticed(e);
      return null;
    }
  }

  private Connection own(Connection connection) {
    connections.add(connection);
    if (closed) {
      connection.close();
    }
    return connection;
  }

  private void fail(@Nullable Throwable cause) {
    if (cause != null && !closed) {
      Outside.run(() -> events.failed(cause));
    }
  }
}
