package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * All connections that bring one guest's pages in postcopy.
 *
 * <p>From a v0 source: one fault connection, which also fetches what nobody demands. Where PUSH was
 * agreed: fault connections for demands only, and push connections for the rest; once every page is
 * present and every push connection has ended, the source is told.
 *
 * <p>Connections may be added at any time by any thread.
 */
public final class PostcopyFill implements AutoCloseable {
  private final GuestMemory memory;
  private final ArrivingPages arriving;
  private final Extensions agreed;
  private final Duration silence;
  private final String name;
  private final Sandbox sandbox;
  private final CompletableFuture<Void> finished = new CompletableFuture<>();
  private final List<Connection> connections = new ArrayList<>();
  private final List<Thread> pushers = new ArrayList<>();
  private volatile List<FaultConnection> faults = List.of();
  private int pushing;
  private boolean pushed;
  private boolean told;
  private int answered;
  private boolean acknowledged;
  private boolean closed;
  // Since when nobody has been pushing, by System.nanoTime; null while somebody is.
  private @Nullable Long idleSinceNanos;

  /**
   * Prepares a fill; connections start it.
   *
   * @param memory the destination's
   * @param arriving its pages
   * @param agreed the migration's extensions
   * @param silence a source that owes pages for as long is taken for dead; zero for never. Only
   *     where it gives signs of life while it is throttled: HEARTBEAT
   * @param name the end of its threads' names
   * @param sandbox fences them in: what {@link #finished} triggers must be fit for that
   */
  public PostcopyFill(
      GuestMemory memory,
      ArrivingPages arriving,
      Extensions agreed,
      Duration silence,
      String name,
      Sandbox sandbox) {
    this.memory = memory;
    this.arriving = arriving;
    this.agreed = agreed;
    this.silence = silence;
    this.name = name;
    this.sandbox = sandbox;
    arriving.whole().thenRun(this::tellOnceWhole);
  }

  /**
   * Completes when every page is present and the source has been told or is gone. Fails with the
   * first failure of any connection before.
   */
  public CompletionStage<Void> finished() {
    return finished.minimalCompletionStage();
  }

  /**
   * Whether the source knows that every page is here, once {@link #finished} has completed without
   * a failure.
   */
  public synchronized boolean isAcknowledged() {
    return acknowledged;
  }

  /**
   * Ends this fill, and gives back what its connections had begun to bring: another may follow. Not
   * from a thread of its connections.
   */
  public void giveBack() {
    close();
    arriving.releaseClaims();
  }

  /** Takes over a fault connection, behind its role header. */
  public synchronized void addFaults(Connection connection) {
    if (refused(connection)) {
      return;
    }
    boolean push = agreed.has(Extension.PUSH);
    FaultConnection added = new FaultConnection(connection, arriving, agreed);
    added.limitSilence(silence);
    List<FaultConnection> all = new ArrayList<>(faults);
    all.add(added);
    faults = List.copyOf(all);
    added
        .start(sandbox, "pages-" + name, !push)
        .whenComplete((done, failure) -> faultsEnded(failure));
    if (told) {
      added.end();
    }
    // Touched while there was nobody to ask.
    arriving.awaited().forEach(added::demand);
  }

  /** Takes over a push connection, behind its role header. */
  public synchronized void addPush(Connection connection) {
    if (refused(connection)) {
      return;
    }
    pushing++;
    idleSinceNanos = null;
    connection.setReadTimeout(silence);
    PushReceiving receiving = new PushReceiving(connection, memory, arriving, agreed);
    Thread thread =
        sandbox.thread(
            SandboxRole.BRINGS_PAGES, "push-" + name, () -> pushEnded(run(receiving, sandbox)));
    pushers.add(thread);
    thread.start();
  }

  /**
   * Gives up the wait for a push connection if there has been none for as long as a source may be
   * silent: breaks this fill if pages are missing, and tells the source that none is otherwise. One
   * that was lost before it said what it is, is seen by nobody here, and a source that has written
   * everything believes that it has arrived.
   *
   * <p>To be called now and then, once the guest is this side's.
   */
  public synchronized void checkForPush() {
    if (!agreed.has(Extension.PUSH) || pushing > 0 || closed || told) {
      idleSinceNanos = null;
      return;
    }
    long now = System.nanoTime();
    Long since = idleSinceNanos;
    if (since == null) {
      idleSinceNanos = now;
    } else if (now - since > silence.toNanos()) {
      giveUpPush();
    }
  }

  private synchronized void giveUpPush() {
    if (arriving.isComplete()) {
      pushed = true;
      tellOnceWhole();
    } else {
      failed(
          new ProtocolException(
              "a connection that pushes the missing pages",
              "none for " + silence.toMillis() / 1000.0 + " s"));
    }
  }

  private boolean refused(Connection connection) {
    connections.add(connection);
    if (closed) {
      connection.close();
    }
    return closed;
  }

  /**
   * The guest has touched a page that it cannot see: maps it, or asks for it, at the latest when
   * the first fault connection comes.
   *
   * @param address anywhere in the page
   * @param sinceNanos when the fault was read (System.nanoTime)
   * @throws IOException if the page is here and cannot be mapped
   */
  public void onFault(Gpa address, long sinceNanos) throws IOException {
    if (!arriving.fault(address, sinceNanos)) {
      List<FaultConnection> all = faults;
      if (all.isEmpty()) {
        return; // whoever comes asks for it
      }
      all.get((int) (arriving.pageAt(address) % all.size())).demand(address);
    }
  }

  private static @Nullable Exception run(PushReceiving receiving, Sandbox sandbox) {
    try {
      receiving.run();
      return null;
    } catch (IOException | RuntimeException e) {
      return sandbox.noticed(e);
    }
  }

  private synchronized void pushEnded(@Nullable Exception failure) {
    pushing--;
    pushed = true;
    if (failure == null) {
      tellOnceWhole();
    } else {
      failed(failure);
    }
  }

  /** A guest that has every page needs nobody any more, also if the last word was lost. */
  private void failed(Throwable failure) {
    if (arriving.isComplete()) {
      finished.complete(null);
    } else {
      finished.completeExceptionally(failure);
    }
  }

  /** A push connection that has ended has nothing in it that would be lost by closing it. */
  private synchronized void tellOnceWhole() {
    if (agreed.has(Extension.PUSH)
        && arriving.isComplete()
        && pushed
        && pushing == 0
        && !told
        && !closed) {
      told = true;
      faults.forEach(FaultConnection::end);
    }
  }

  private synchronized void faultsEnded(@Nullable Throwable failure) {
    answered++;
    if (failure != null) {
      failed(failure);
    } else if (answered == faults.size()) {
      acknowledged = true;
      finished.complete(null);
    }
  }

  /** Closes every connection and waits for the threads on them; not from one of those. */
  @Override
  public void close() {
    List<Thread> threads;
    List<FaultConnection> receivers;
    synchronized (this) {
      closed = true;
      connections.forEach(Connection::close);
      threads = List.copyOf(pushers);
      receivers = faults;
    }
    try {
      for (Thread thread : threads) {
        thread.join();
      }
      for (FaultConnection receiver : receivers) {
        receiver.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
