package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.migration.MigrationDestination.FromUffd;
import io.vmferry.actors.migration.MigrationDestination.FromVm;
import io.vmferry.actors.migration.MigrationDestination.GivenBack;
import io.vmferry.actors.migration.MigrationDestination.OwnerAsked;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.migration.MigrationDestination.StepFailed;
import io.vmferry.actors.migration.MigrationDestination.Taken;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.Response;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/** The handover of a {@link MigrationDestination}: the guest waits for Complete, then runs. */
final class DestinationHandover {
  private final DestinationSession session;
  private final DestinationEnding ending;

  DestinationHandover(DestinationSession session) {
    this.session = session;
    this.ending = session.ending();
  }

  Behavior<Command> ready(ArrivedGuest guest) {
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromSource.class, m -> onReady(m.event(), guest))
                .onMessage(FromUffd.class, m -> onUffdReady(m.event(), guest))
                // Before Complete came: it is not taken any more.
                .onMessage(
                    OwnerAsked.class, m -> ending.failed(MigrationPhase.SWITCHOVER, askedBefore()))
                .onMessage(Cancel.class, m -> ending.cancelled(MigrationPhase.SWITCHOVER)));
  }

  private Behavior<Command> onUffdReady(Uffd.Event event, ArrivedGuest guest) {
    if (event instanceof Uffd.Broken broken) {
      return ending.failed(MigrationPhase.SWITCHOVER, broken.cause());
    }
    return event instanceof Uffd.Filled filled
        ? ready(session.filling().filled(guest, filled))
        : Behaviors.same();
  }

  private Behavior<Command> onReady(Inbound event, ArrivedGuest guest) {
    if (!(event instanceof Inbound.Complete complete)) {
      return ending.onEnd(event, MigrationPhase.SWITCHOVER);
    }
    session.step(session.records()::take, taken -> taken);
    return taking(complete, guest);
  }

  /** A guest that has run here must be known as ours after a crash: it is written down before. */
  private Behavior<Command> taking(Inbound.Complete complete, ArrivedGuest guest) {
    return tooLate(
        filled -> taking(complete, session.filling().filled(guest, filled)),
        on ->
            on.onMessage(Taken.class, m -> onTaken(complete, guest))
                .onMessage(
                    StepFailed.class,
                    m -> ending.refused(complete, MigrationPhase.SWITCHOVER, m.cause())));
  }

  private Behavior<Command> onTaken(Inbound.Complete complete, ArrivedGuest guest) {
    if (complete.paused()) {
      session.figures().resumed(System.nanoTime());
      complete.reply(Response.ok());
      return handedOver(guest, true);
    }
    session.tellVm(
        new Vm.RunArrived(session.context().messageAdapter(Vm.SessionReply.class, FromVm::new)));
    return resuming(complete, guest);
  }

  private Behavior<Command> resuming(Inbound.Complete complete, ArrivedGuest guest) {
    return tooLate(
        filled -> resuming(complete, session.filling().filled(guest, filled)),
        on -> on.onMessage(FromVm.class, m -> onResumed(m.reply(), complete, guest)));
  }

  /** What a state handles alike from Complete on: the guest may be running here. */
  private Behavior<Command> tooLate(
      Function<Uffd.Filled, Behavior<Command>> filled,
      UnaryOperator<BehaviorBuilder<Command>> own) {
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            own.apply(on)
                .onMessage(FromUffd.class, m -> onUffd(m.event(), filled))
                .onMessage(FromSource.class, m -> Behaviors.same())
                .onMessage(ReceptionFailed.class, m -> onLostWhileResuming(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onUffd(
      Uffd.Event event, Function<Uffd.Filled, Behavior<Command>> filled) {
    if (event instanceof Uffd.Broken broken) {
      session.filling().brokenEarly(broken);
    }
    return event instanceof Uffd.Filled whole ? filled.apply(whole) : Behaviors.same();
  }

  /** A source that cannot ask again may run the guest once it hears nothing. */
  private Behavior<Command> onLostWhileResuming(Throwable cause) {
    return session.recovers()
        ? ending.onAnswersSent()
        : ending.failed(MigrationPhase.SWITCHOVER, cause);
  }

  private static MigrationException askedBefore() {
    return new MigrationException(
        FailureCode.PEER_LOST, "The source lost its connection before it handed the guest over.");
  }

  private Behavior<Command> onResumed(
      Vm.SessionReply reply, Inbound.Complete complete, ArrivedGuest guest) {
    if (!(reply instanceof Vm.GuestResumed resumed)) {
      return giveBack(complete, DestinationEnding.guestFailure(reply));
    }
    session.figures().resumed(resumed.atNanos());
    complete.reply(Response.ok());
    session.context().getLog().info("Migration {}: {} runs here", session.id(), session.vmName());
    return handedOver(guest, false);
  }

  /** The source runs the guest once it has read the refusal: that is written down before. */
  private Behavior<Command> giveBack(Inbound.Complete complete, MigrationException cause) {
    session
        .context()
        .pipeToSelf(
            CompletableFuture.runAsync(
                () -> Steps.run(session.records()::discard), session.blocking()),
            (done, failure) -> new GivenBack(failure));
    return tooLate(
        filled -> Behaviors.same(),
        on -> on.onMessage(GivenBack.class, m -> onGivenBack(m.failure(), complete, cause)));
  }

  private Behavior<Command> onGivenBack(
      @Nullable Throwable failure, Inbound.Complete complete, MigrationException cause) {
    if (failure != null) {
      // It does not run here all the same; after a crash this host would take it for its own.
      session.context().getLog().error("Migration {}: no record", session.id(), failure);
    }
    return ending.refused(complete, MigrationPhase.SWITCHOVER, cause);
  }

  private Behavior<Command> handedOver(ArrivedGuest guest, boolean paused) {
    session.resume().decide(GuestOwner.DESTINATION);
    session.records().settle();
    if (session.filling().hasStarted() && guest.fill() == null) {
      return session.filling().filling(guest, paused);
    }
    return ending.onceAnswered(MigrationPhase.SWITCHOVER, () -> ending.arrived(guest, paused));
  }
}
