package io.vmferry.daemon.store;

import io.vmferry.daemon.offload.OffloadSystem;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.remote.StoreProtocol;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.actor.Cancellable;
import org.apache.pekko.http.javadsl.ConnectionContext;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;

/** Serves a chunk store to hosts that show a certificate of the same authority. */
public final class StoreServer implements AutoCloseable {
  private static final Duration DEAD_EVERY = Duration.ofSeconds(30);
  private static final long WAIT_SECONDS = 10;

  private final ActorSystem system;
  private final StoreSessions sessions;
  private final ServerBinding binding;
  private final Cancellable deadSessions;

  private StoreServer(
      ActorSystem system, StoreSessions sessions, ServerBinding binding, Cancellable deadSessions) {
    this.system = system;
    this.sessions = sessions;
    this.binding = binding;
    this.deadSessions = deadSessions;
  }

  /**
   * Listens.
   *
   * @param store stays open as long as this; the caller closes it
   * @param address port 0 for a free one
   * @param identity of the server's side
   * @throws IOException with one sentence for the user if it cannot listen there
   */
  public static StoreServer start(ChunkStore store, MigrationUrl.Tcp address, TlsIdentity identity)
      throws IOException {
    ActorSystem system = OffloadSystem.create("store");
    StoreSessions sessions = new StoreSessions(store, StoreProtocol.SESSION, System::nanoTime);
    try {
      Executor blocking = system.dispatchers().lookup(PrecopySender.BLOCKING_DISPATCHER);
      StoreRoutes routes = new StoreRoutes(store, sessions, blocking);
      ServerBinding binding =
          Http.get(system)
              .newServerAt(address.host(), address.port())
              .enableHttps(ConnectionContext.httpsServer(identity::engine))
              .bind(routes.all())
              .toCompletableFuture()
              .get(WAIT_SECONDS, TimeUnit.SECONDS);
      Cancellable dead =
          system
              .scheduler()
              .scheduleWithFixedDelay(
                  DEAD_EVERY, DEAD_EVERY, sessions::endDead, system.dispatcher());
      return new StoreServer(system, sessions, binding, dead);
    } catch (ExecutionException | TimeoutException e) {
      system.terminate();
      throw new SnapshotException("The store cannot be served at " + address + ".", e);
    } catch (InterruptedException e) {
      system.terminate();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a store began to listen");
    }
  }

  /** Where it listens. */
  public MigrationUrl.Tcp address() {
    return new MigrationUrl.Tcp(
        binding.localAddress().getHostString(), binding.localAddress().getPort());
  }

  /** Waits until it is closed. */
  public void awaitEnd() throws InterruptedException {
    try {
      system.getWhenTerminated().toCompletableFuture().get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the actor system ended by itself", e);
    }
  }

  /** Stops listening; what is under way fails, and what was not committed is removed. */
  @Override
  public void close() {
    deadSessions.cancel();
    system.terminate();
    try {
      awaitEnd();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    sessions.close();
  }
}
