package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationSource.Abandoned;
import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.Digested;
import io.vmferry.actors.migration.MigrationSource.FromVm;
import io.vmferry.actors.migration.MigrationSource.PatienceOver;
import io.vmferry.actors.migration.MigrationSource.RoundSent;
import io.vmferry.actors.migration.MigrationSource.StepFailed;
import io.vmferry.actors.ownership.Departure;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link MigrationSource} ends: the guest has moved, stays, is over there without all of its
 * memory, or nobody here knows where. Each ending tells the {@link Vm} and then the follower, who
 * may ask that VM for something at once.
 */
final class SourceEnding {
  private static final Duration ABANDON_PATIENCE = Duration.ofSeconds(2);

  private final SourceSession session;

  SourceEnding(SourceSession session) {
    this.session = session;
  }

  // It has moved.

  /** The memory here is frozen: digesting it costs the guest nothing. */
  Behavior<Command> verify() {
    if (!session.options().verify()) {
      return moved(null);
    }
    session.step(session::memoryDigest, Digested::new);
    return session.state(
        MigrationPhase.ENDED,
        on ->
            on.onMessage(Digested.class, m -> moved(m.digest()))
                .onMessage(StepFailed.class, m -> moved(null))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  Behavior<Command> moved(@Nullable String digest) {
    session.channel().close();
    tellVm(Vm.Outcome.MOVED);
    return finished(digest, !session.seed().running());
  }

  /** A snapshot of it was taken: the guest goes on here as it was before. */
  Behavior<Command> preserved(@Nullable String digest) {
    session.channel().close();
    session.figures().resumed();
    session
        .context()
        .getLog()
        .info("Migration {}: {} was kept, and goes on here", session.id(), session.spec().name());
    tellVm(Vm.Outcome.STAYS);
    return finished(digest, true);
  }

  /**
   * @param paused whether the guest is where it was sent
   */
  private Behavior<Command> finished(@Nullable String digest, boolean paused) {
    return end(
        new MigrationEvent.Finished(
            session
                .figures()
                .summary(session.id(), session.spec(), session.options().mode(), digest, paused)));
  }

  // It has been handed over, and that went wrong.

  /** Why it really failed, if it failed because connections were closed on this side. */
  private Throwable causeOf(Throwable failure) {
    return Failures.code(failure) == FailureCode.PEER_LOST
        ? session.channel().causeOf(failure)
        : failure;
  }

  /**
   * After Complete was sent.
   *
   * @param broken what it takes to ask again later; null if there is no asking
   */
  Behavior<Command> answerLost(Throwable failure, MigrationSource.@Nullable Broken broken) {
    Throwable cause = causeOf(failure);
    session.channel().close();
    session
        .context()
        .getLog()
        .error("Migration {}: the answer to Complete was lost", session.id(), cause);
    tellVm(Vm.Outcome.UNKNOWN, broken);
    return end(
        failure(
            Failures.code(cause),
            MigrationPhase.SWITCHOVER,
            "The guest was handed over and the answer was lost: " + Failures.sentence(cause),
            GuestLocation.UNKNOWN,
            true));
  }

  /** The destination had it, and its daemon ended: the operator may go back to what is here. */
  Behavior<Command> endedThere() {
    session.channel().close();
    session
        .context()
        .getLog()
        .error("Migration {}: the guest ended with the destination's daemon", session.id());
    session.record(Departure::endedThere);
    tellVm(Vm.Outcome.UNKNOWN);
    return end(
        failure(
            FailureCode.PEER_LOST,
            MigrationPhase.SWITCHOVER,
            "The destination had taken the guest, which ended there when that node's daemon did.",
            GuestLocation.UNKNOWN,
            true));
  }

  /**
   * The destination lacks pages.
   *
   * @param broken what it takes to bring them later; null if there is no way
   */
  Behavior<Command> postcopyBroke(Throwable failure, MigrationSource.@Nullable Broken broken) {
    Throwable cause = causeOf(failure);
    session.channel().close();
    session.context().getLog().error("Migration {}: postcopy broke", session.id(), cause);
    tellVm(Vm.Outcome.MOVED, broken);
    return end(
        failure(
            Failures.code(cause),
            MigrationPhase.POSTCOPY,
            "The destination runs the guest without all of its memory, and this side keeps every"
                + " page: "
                + Failures.sentence(cause),
            GuestLocation.DESTINATION,
            false));
  }

  // It stays: before Complete was sent, or after the destination refused it.

  /** Ends the round after the chunks under way, so that Abandon finds the connection idle. */
  Behavior<Command> giveUpInRound(MigrationPhase phase, MigrationException cause) {
    session.killSwitch().abort(cause);
    session
        .context()
        .scheduleOnce(ABANDON_PATIENCE, session.context().getSelf(), new PatienceOver());
    return session.state(
        phase,
        on ->
            on.onMessage(RoundSent.class, m -> giveUp(phase, cause))
                .onMessage(StepFailed.class, m -> giveUp(phase, cause))
                .onMessage(PatienceOver.class, m -> failed(phase, cause))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  /** Sends Abandon on a main connection that is between two commands. */
  Behavior<Command> giveUp(MigrationPhase phase, MigrationException cause) {
    session
        .context()
        .pipeToSelf(
            CompletableFuture.runAsync(
                () -> Steps.run(() -> session.channel().abandon(ABANDON_PATIENCE)),
                session.blocking()),
            (done, failure) -> new Abandoned());
    return session.state(
        phase,
        on ->
            on.onMessage(Abandoned.class, m -> failed(phase, cause))
                .onMessage(FromVm.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  Behavior<Command> guestFailed(Vm.SessionReply reply, MigrationPhase phase) {
    String why =
        reply instanceof Vm.GuestFailed failed
            ? failed.reason()
            : "The VM answered " + reply.getClass().getSimpleName() + " out of turn.";
    return failed(phase, new MigrationException(FailureCode.GUEST_FAILED, why));
  }

  /** The guest stays here as it was. */
  Behavior<Command> failed(MigrationPhase phase, Throwable failure) {
    Throwable cause = causeOf(failure);
    session.killSwitch().abort(cause);
    session.channel().close();
    session
        .context()
        .getLog()
        .info("Migration {} stopped: {}", session.id(), Failures.sentence(cause));
    session.record(Departure::kept);
    tellVm(Vm.Outcome.STAYS);
    return end(
        failure(
            Failures.code(cause),
            phase,
            Failures.sentence(cause),
            GuestLocation.SOURCE,
            !session.seed().running()));
  }

  static MigrationException cancellation() {
    return new MigrationException(FailureCode.CANCELLED, "The migration was cancelled.");
  }

  private MigrationEvent failure(
      FailureCode code,
      MigrationPhase phase,
      String reason,
      GuestLocation location,
      boolean paused) {
    return new MigrationEvent.Failed(
        new MigrationFailure(
            session.id(), session.spec().name(), code, phase, reason, location, paused));
  }

  private void tellVm(Vm.Outcome outcome) {
    tellVm(outcome, null);
  }

  private void tellVm(Vm.Outcome outcome, MigrationSource.@Nullable Broken broken) {
    session
        .seed()
        .vm()
        .tell(new Vm.SessionEnded(outcome, broken == null ? null : session.again(broken)));
  }

  private Behavior<Command> end(MigrationEvent event) {
    session.follower().tell(event);
    return Behaviors.stopped();
  }
}
