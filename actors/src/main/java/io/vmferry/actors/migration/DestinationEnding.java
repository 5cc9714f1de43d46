package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FaultConnected;
import io.vmferry.actors.migration.MigrationDestination.FillingEnded;
import io.vmferry.actors.migration.MigrationDestination.FromVm;
import io.vmferry.actors.migration.MigrationDestination.LingerOver;
import io.vmferry.actors.migration.MigrationDestination.MissingAsked;
import io.vmferry.actors.migration.MigrationDestination.PushConnected;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.migration.MigrationDestination.SourceEnded;
import io.vmferry.actors.migration.MigrationDestination.SourceSettled;
import io.vmferry.actors.migration.MigrationDestination.VmGone;
import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.Response;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * How a {@link MigrationDestination} ends: the guest has arrived, is here without all of its
 * memory, or what has come is thrown away. Each ending waits until the source's last command was
 * answered, and tells the {@link Vm} before the follower, who may ask that VM for something at
 * once.
 */
final class DestinationEnding {
  private final DestinationSession session;
  private boolean answersSent;
  private boolean settled;

  DestinationEnding(DestinationSession session) {
    this.session = session;
  }

  // It is here.

  Behavior<Command> arrived(ArrivedGuest guest, boolean paused) {
    session.tellVm(
        new Vm.SessionEnded(paused ? Vm.Outcome.STAYS_PAUSED : Vm.Outcome.STAYS_RUNNING));
    FillReport fill = guest.fill();
    String digest =
        fill != null && session.options().verify()
            ? session.filling().digest(fill)
            : guest.digest();
    session
        .follower()
        .tell(
            new MigrationEvent.Finished(
                session
                    .figures()
                    .summary(
                        session.id(),
                        guest.spec(),
                        session.options().mode(),
                        digest,
                        fill,
                        paused)));
    return settled && guest.sourceKnowsFill() ? concluded() : linger();
  }

  /**
   * The guest is here and lacks pages that only the source has: it waits. Nothing may be closed: a
   * missing page would read as zeros.
   */
  Behavior<Command> incomplete(Throwable cause) {
    session.tellVm(new Vm.SessionEnded(Vm.Outcome.INCOMPLETE));
    session
        .follower()
        .tell(
            failure(
                MigrationPhase.POSTCOPY,
                Failures.code(cause),
                "The guest is here and waits for pages that only the source has: "
                    + Failures.sentence(cause),
                GuestLocation.DESTINATION));
    return Behaviors.receive(Command.class)
        .onMessage(VmGone.class, m -> concluded())
        .onMessage(
            FromVm.class, m -> m.reply() instanceof Vm.Discarding ? concluded() : Behaviors.same())
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> session.onStop())
        .build();
  }

  // It is not: what has come is thrown away.

  /** The source gave up or vanished before the guest was handed over. */
  Behavior<Command> onEnd(Inbound event, MigrationPhase phase) {
    if (event instanceof Inbound.Abandon abandon) {
      abandon.reply(Response.ok());
      MigrationException abandoned =
          new MigrationException(FailureCode.CANCELLED, "The source abandoned the migration.");
      return onceAnswered(phase, () -> failed(phase, abandoned));
    }
    return refused(
        event,
        phase,
        new MigrationException(
            FailureCode.PROTOCOL_VIOLATION,
            "The source sent " + event.getClass().getSimpleName() + " out of turn."));
  }

  /** Answers the open command with an error, and ends. */
  Behavior<Command> refused(Inbound open, MigrationPhase phase, Throwable cause) {
    if (open instanceof Inbound.Question question) {
      question.reply(Response.error());
    }
    if (answersSent) {
      return failed(phase, cause);
    }
    return session.state(
        phase,
        on ->
            answered(on, () -> failed(phase, cause))
                // That may be the reason, and says less of it.
                .onMessage(VmGone.class, m -> Behaviors.same()));
  }

  Behavior<Command> cancelled(MigrationPhase phase) {
    return failed(phase, cancellation());
  }

  /** Before the guest ran here. */
  Behavior<Command> failed(MigrationPhase phase, Throwable cause) {
    session.resume().decide(GuestOwner.SOURCE);
    session.records().discardLater();
    session
        .context()
        .getLog()
        .info("Migration {} stopped: {}", session.id(), Failures.sentence(cause));
    session.tellVm(new Vm.SessionEnded(Vm.Outcome.DISCARDED));
    session
        .follower()
        .tell(failure(phase, Failures.code(cause), Failures.sentence(cause), GuestLocation.SOURCE));
    session.hangUp();
    return phase == MigrationPhase.SWITCHOVER ? linger() : concluded();
  }

  /** The source has read the answer to Complete. */
  Behavior<Command> onSettled() {
    settled = true;
    return Behaviors.same();
  }

  /**
   * What became of the guest is decided, and the source may not know: it may come and ask. Nothing
   * here belongs to the guest any more.
   */
  private Behavior<Command> linger() {
    if (!session.recovers()) {
      return concluded();
    }
    session.filling().end(new FillingEnded());
    session.context().scheduleOnce(session.linger(), session.context().getSelf(), new LingerOver());
    return Behaviors.receive(Command.class)
        .onMessage(MissingAsked.class, session.filling()::onMissingAsked)
        .onMessage(FaultConnected.class, m -> refuse(m.connection()))
        .onMessage(PushConnected.class, m -> refuse(m.connection()))
        .onMessage(SourceSettled.class, m -> concluded())
        .onMessage(FillingEnded.class, m -> onFillingEnded())
        .onMessage(LingerOver.class, m -> concluded())
        .onMessage(Cancel.class, m -> concluded())
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> session.onStop())
        .build();
  }

  /** Not before: a fill that was just starting would find another guest's memory in its place. */
  private Behavior<Command> onFillingEnded() {
    session.release();
    return Behaviors.same();
  }

  /** Nobody will ask any more. */
  private Behavior<Command> concluded() {
    session.records().close();
    return Behaviors.stopped();
  }

  private static Behavior<Command> refuse(Connection late) {
    late.close();
    return Behaviors.same();
  }

  static MigrationException cancellation() {
    return new MigrationException(
        FailureCode.CANCELLED, "The migration was cancelled on the destination.");
  }

  static MigrationException guestFailure(Vm.SessionReply reply) {
    String why =
        reply instanceof Vm.GuestFailed failed
            ? "The guest cannot run here: " + failed.reason()
            : "The VM answered " + reply.getClass().getSimpleName() + " out of turn.";
    return new MigrationException(FailureCode.GUEST_FAILED, why);
  }

  private MigrationEvent failure(
      MigrationPhase phase, FailureCode code, String reason, GuestLocation location) {
    return new MigrationEvent.Failed(
        new MigrationFailure(session.id(), session.vmName(), code, phase, reason, location, false));
  }

  // The source's last command.

  /**
   * Goes on when the last answer is on its way: to end sooner would close the connection before it,
   * and the source would not know what became of its guest.
   */
  Behavior<Command> onceAnswered(MigrationPhase phase, Supplier<Behavior<Command>> then) {
    if (answersSent) {
      return then.get();
    }
    return session.state(phase, on -> answered(on, then));
  }

  private static BehaviorBuilder<Command> answered(
      BehaviorBuilder<Command> on, Supplier<Behavior<Command>> then) {
    return on.onMessage(SourceEnded.class, m -> then.get())
        .onMessage(ReceptionFailed.class, m -> then.get())
        .onMessage(Cancel.class, m -> Behaviors.same());
  }

  /** No further command comes, and none is left to be answered. */
  Behavior<Command> onAnswersSent() {
    answersSent = true;
    return Behaviors.same();
  }
}
