package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.FaultEvent;
import io.vmferry.actors.migration.MigrationSource.PushConnected;
import io.vmferry.actors.migration.MigrationSource.PushFailed;
import io.vmferry.actors.postcopy.FaultServer;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transport.Connection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * Postcopy on the side of a {@link MigrationSource}: the guest runs on the destination and fetches
 * its pages.
 */
final class SourceServing {
  private final SourceSession session;
  private final SourceEnding ending;
  private final ActorRef<FaultServer.Command> faultServer;

  private SourceServing(SourceSession session, ActorRef<FaultServer.Command> faultServer) {
    this.session = session;
    this.ending = session.ending();
    this.faultServer = faultServer;
  }

  /**
   * Starts the server, which answers from here on.
   *
   * @param faults what it is asked on
   * @param missing the pages that the destination lacks; null if it lacks all
   */
  static SourceServing start(
      SourceSession session, List<Connection> faults, @Nullable DirtyPages missing) {
    ActorRef<FaultServer.Event> events =
        session.context().messageAdapter(FaultServer.Event.class, FaultEvent::new);
    GuestMemory memory = session.memory();
    PresentBitmap served =
        missing == null
            ? FaultServing.servedPages(memory)
            : FaultServing.servedPages(memory, missing);
    session.figures().beginPostcopy(missing == null ? memory.sizeBytes() : missing.bytes());
    return new SourceServing(
        session,
        session
            .context()
            .spawn(
                FaultServer.create(
                    faults,
                    memory,
                    served,
                    session.channel().agreed(),
                    session.throttle(),
                    session.deadPeerTimeout(),
                    session.figures(),
                    events),
                "fault-server-" + MigrationIds.next()));
  }

  Behavior<Command> serving() {
    if (session.pushes()) {
      openPushConnections();
    }
    return session.state(
        MigrationPhase.POSTCOPY,
        on ->
            on.onMessage(FaultEvent.class, m -> onFaultEvent(m.event()))
                .onMessage(PushConnected.class, this::onPushConnected)
                .onMessage(PushFailed.class, m -> broke(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  /** Only now: until the guest runs on the destination, pushing would lengthen its pause. */
  private void openPushConnections() {
    int number =
        Math.min(
            session.options().connections(),
            SendOptions.MAX_CONNECTIONS - SourceSession.MAX_FAULT_CONNECTIONS);
    session
        .context()
        .pipeToSelf(
            CompletableFuture.supplyAsync(
                () -> Steps.call(() -> session.channel().pushConnections(number)),
                session.blocking()),
            (opened, failure) ->
                failure == null
                    ? new PushConnected(opened)
                    : new PushFailed(Failures.root(failure)));
  }

  private Behavior<Command> onPushConnected(PushConnected pushConnected) {
    faultServer.tell(new FaultServer.Push(pushConnected.connections()));
    return Behaviors.same();
  }

  Behavior<Command> onFaultEvent(FaultServer.Event event) {
    if (event instanceof FaultServer.Drained) {
      session.figures().full();
      return ending.verify();
    }
    return broke(((FaultServer.Broken) event).cause());
  }

  private Behavior<Command> broke(Throwable cause) {
    faultServer.tell(new FaultServer.Stop());
    return session.recovers()
        ? SourceRecovering.afterBrokenPostcopy(session, cause).reconnect()
        : ending.postcopyBroke(cause, null);
  }
}
