package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.migration.MigrationDestination.FromUffd;
import io.vmferry.actors.migration.MigrationDestination.FromVm;
import io.vmferry.actors.migration.MigrationDestination.OwnerAsked;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.Response;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

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
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onResumed(m.reply(), complete, guest))
                .onMessage(
                    FromUffd.class,
                    m ->
                        m.event() instanceof Uffd.Filled filled
                            ? resuming(complete, session.filling().filled(guest, filled))
                            : Behaviors.same())
                // Too late: the guest may be running here.
                .onMessage(FromSource.class, m -> Behaviors.same())
                .onMessage(ReceptionFailed.class, m -> onLostWhileResuming(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
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
      return ending.refused(
          complete, MigrationPhase.SWITCHOVER, DestinationEnding.guestFailure(reply));
    }
    session.figures().resumed(resumed.atNanos());
    complete.reply(Response.ok());
    session.context().getLog().info("Migration {}: {} runs here", session.id(), session.vmName());
    return handedOver(guest, false);
  }

  private Behavior<Command> handedOver(ArrivedGuest guest, boolean paused) {
    session.resume().decide(GuestOwner.DESTINATION);
    if (session.filling().hasStarted() && guest.fill() == null) {
      return session.filling().filling(guest, paused);
    }
    return ending.onceAnswered(MigrationPhase.SWITCHOVER, () -> ending.arrived(guest, paused));
  }
}
