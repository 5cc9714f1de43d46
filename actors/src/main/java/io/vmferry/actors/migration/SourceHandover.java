package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.SourceEnding.cancellation;

import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.CompleteFailed;
import io.vmferry.actors.migration.MigrationSource.Completed;
import io.vmferry.actors.migration.MigrationSource.FaultEvent;
import io.vmferry.actors.migration.MigrationSource.StateAccepted;
import io.vmferry.actors.ownership.Departure;
import io.vmferry.actors.postcopy.FaultServer;
import io.vmferry.streams.wire.PeerRefusedException;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/** The handover of a {@link MigrationSource}: State, then Complete, and the answers to both. */
final class SourceHandover {
  private final SourceSession session;
  private final SourceEnding ending;
  private final @Nullable String digest;
  private final @Nullable SourceServing serving;

  /**
   * @param digest of the guest's memory, if it cannot be computed later
   * @param serving what the guest will fetch its pages from, in postcopy
   */
  SourceHandover(SourceSession session, @Nullable String digest, @Nullable SourceServing serving) {
    this.session = session;
    this.ending = session.ending();
    this.digest = digest;
    this.serving = serving;
  }

  Behavior<Command> sendState(MachineState saved) {
    boolean lacksPages = serving != null;
    CompletableFuture<Void> prepared =
        CompletableFuture.runAsync(
            () -> Steps.run(() -> session.prepareHandover(lacksPages)), session.blocking());
    session.step(
        () -> {
          session.channel().state(saved.json().asByteBuffer());
          prepared.join();
          // Only now: until State is there the destination would not know the migration later.
          session.recordHandover(lacksPages);
          return new StateAccepted();
        },
        accepted -> accepted);
    return sendingState(null);
  }

  private Behavior<Command> sendingState(FaultServer.@Nullable Event early) {
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(StateAccepted.class, m -> complete(early))
                .onMessage(FaultEvent.class, m -> onEarlyFaultEvent(m.event()))
                .onMessage(
                    Cancel.class, m -> ending.failed(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onEarlyFaultEvent(FaultServer.Event event) {
    return event instanceof FaultServer.Broken broken
        ? ending.failed(MigrationPhase.SWITCHOVER, broken.cause())
        // A small guest has every page before it is restored.
        : sendingState(event);
  }

  /** From here on only a refusal brings the guest back. */
  private Behavior<Command> complete(FaultServer.@Nullable Event early) {
    session
        .context()
        .pipeToSelf(
            CompletableFuture.runAsync(() -> Steps.run(this::sendComplete), session.blocking()),
            (done, failure) ->
                failure == null ? new Completed() : new CompleteFailed(Failures.root(failure)));
    return completing(early);
  }

  private void sendComplete() throws IOException {
    session.channel().complete(staysPaused());
    // A destination that is told that its answer was read does not wait for questions: they must
    // not be needed any more.
    session.recordNow(Departure::handedOver);
    session.channel().settle();
  }

  /** A copy of a guest that goes on here must never run by itself. */
  private boolean staysPaused() {
    return !session.seed().running() || session.options().preserveSource();
  }

  private Behavior<Command> completing(FaultServer.@Nullable Event early) {
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Completed.class, m -> onCompleted(early))
                .onMessage(CompleteFailed.class, m -> onCompleteFailed(m.cause()))
                // A fast destination may have fetched everything before its answer is read here.
                .onMessage(FaultEvent.class, m -> completing(m.event()))
                // Too late: the destination may run the guest already.
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onCompleteFailed(Throwable cause) {
    // A preserved guest is this side's whatever the answer: the other one was told not to run it.
    if (cause instanceof PeerRefusedException || session.options().preserveSource()) {
      return ending.failed(MigrationPhase.SWITCHOVER, cause);
    }
    return session.recovers()
        ? SourceRecovering.afterLostAnswer(session, cause, digest, serving != null).reconnect()
        : ending.answerLost(cause, null);
  }

  private Behavior<Command> onCompleted(FaultServer.@Nullable Event early) {
    if (session.options().preserveSource()) {
      return ending.preserved(digest);
    }
    session.figures().resumed();
    session
        .context()
        .getLog()
        .info("Migration {}: {} is on the destination", session.id(), session.spec().name());
    if (serving != null) {
      return early == null ? serving.serving() : serving.onFaultEvent(early);
    }
    return digest == null ? ending.verify() : ending.moved(digest);
  }
}
