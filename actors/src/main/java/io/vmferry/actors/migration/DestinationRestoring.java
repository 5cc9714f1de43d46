package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.DestinationEnding.cancellation;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.Digested;
import io.vmferry.actors.migration.MigrationDestination.FaultConnected;
import io.vmferry.actors.migration.MigrationDestination.FaultConnectionOverdue;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.migration.MigrationDestination.FromUffd;
import io.vmferry.actors.migration.MigrationDestination.FromVm;
import io.vmferry.actors.migration.MigrationDestination.PresentDigested;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.migration.MigrationDestination.StepFailed;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MemoryDigests;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireLimits;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * A {@link MigrationDestination} from State to its answer: memory is digested, the {@link Uffd}
 * started if pages are missing, and the guest made one of the host's, restored and paused. Where
 * one of these fails, the answer is an error.
 */
final class DestinationRestoring {
  private final DestinationSession session;
  private final DestinationEnding ending;
  private final Inbound.State open;
  private final MachineState state;
  private final Machine machine;
  private final VmSpec spec;

  /**
   * @param open the command to be answered
   * @param state what it brought
   */
  DestinationRestoring(
      DestinationSession session,
      Inbound.State open,
      MachineState state,
      Machine machine,
      VmSpec spec) {
    this.session = session;
    this.ending = session.ending();
    this.open = open;
    this.state = state;
    this.machine = machine;
    this.spec = spec;
  }

  Behavior<Command> restore(MissingPages missing) {
    boolean verify = session.options().verify();
    if (missing.isEmpty()) {
      return verify ? digest() : admit(null);
    }
    // What the rounds brought is read before the guest can change it.
    return verify && missing.presentBytes() > 0 ? digestPresent(missing) : lackingPages(missing, 0);
  }

  private Behavior<Command> refused(Throwable cause) {
    return ending.refused(open, MigrationPhase.SWITCHOVER, cause);
  }

  private Behavior<Command> digest() {
    session.step(() -> MemoryDigests.text(MemoryDigest.of(machine.memory())), Digested::new);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Digested.class, m -> admit(m.digest()))
                .onMessage(StepFailed.class, m -> refused(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  // Pages are missing: the Uffd must have them registered before the guest can run.

  private Behavior<Command> digestPresent(MissingPages missing) {
    session.step(missing::presentDigest, PresentDigested::new);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(PresentDigested.class, m -> lackingPages(missing, m.digest()))
                .onMessage(StepFailed.class, m -> refused(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> lackingPages(MissingPages missing, long presentDigest) {
    Connection first = session.filling().firstConnection();
    return first == null
        ? awaitFaultConnection(missing, presentDigest)
        : startUffd(first, missing, presentDigest);
  }

  private Behavior<Command> awaitFaultConnection(MissingPages missing, long presentDigest) {
    session
        .context()
        .scheduleOnce(
            WireLimits.FAULT_CONNECTION_TIMEOUT,
            session.context().getSelf(),
            new FaultConnectionOverdue());
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(
                    FaultConnected.class, m -> startUffd(m.connection(), missing, presentDigest))
                .onMessage(FaultConnectionOverdue.class, m -> refused(overdue()))
                .onMessage(
                    FromSource.class, m -> ending.onEnd(m.event(), MigrationPhase.SWITCHOVER))
                .onMessage(Cancel.class, m -> refused(cancellation())));
  }

  private static MigrationException overdue() {
    return new MigrationException(
        FailureCode.PEER_SILENT,
        "The source opened no fault connection within "
            + WireLimits.FAULT_CONNECTION_TIMEOUT.toSeconds()
            + " s; did both sides name the same memory_mode?");
  }

  private Behavior<Command> startUffd(Connection first, MissingPages missing, long presentDigest) {
    session.filling().start(first, missing, presentDigest);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromUffd.class, m -> onUffdStarted(m.event()))
                .onMessage(
                    FromSource.class, m -> ending.onEnd(m.event(), MigrationPhase.SWITCHOVER))
                .onMessage(Cancel.class, m -> refused(cancellation())));
  }

  private Behavior<Command> onUffdStarted(Uffd.Event event) {
    if (event instanceof Uffd.Broken broken) {
      return refused(broken.cause());
    }
    return event instanceof Uffd.Registered ? admit(null) : Behaviors.same();
  }

  // The guest becomes one of the host's.

  private Behavior<Command> admit(@Nullable String digest) {
    session.disown();
    session
        .gate()
        .admit(
            spec,
            machine,
            session.id(),
            state,
            session.context().messageAdapter(Vm.SessionReply.class, FromVm::new));
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onArriving(m.reply(), digest))
                .onMessage(FromUffd.class, m -> onUffdWhileAdmitting(m.event()))
                .onMessage(ReceptionFailed.class, m -> refusedWhileAdmitting(m.cause()))
                .onMessage(Cancel.class, m -> refusedWhileAdmitting(cancellation())));
  }

  private Behavior<Command> onUffdWhileAdmitting(Uffd.Event event) {
    return event instanceof Uffd.Broken broken
        ? refusedWhileAdmitting(broken.cause())
        : noteFilled(event);
  }

  /** The guest's actor is being made and must be told: the end waits for it. */
  private Behavior<Command> refusedWhileAdmitting(Throwable cause) {
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> refusedOnceAdmitted(m.reply(), cause))
                .onMessage(ReceptionFailed.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> refusedOnceAdmitted(Vm.SessionReply reply, Throwable cause) {
    session.adopt(reply);
    return refused(cause);
  }

  private Behavior<Command> onArriving(Vm.SessionReply reply, @Nullable String digest) {
    session.adopt(reply);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onRestored(m.reply(), digest))
                .onMessage(FromUffd.class, m -> onUffdEarly(m.event()))
                .onMessage(Cancel.class, m -> refused(cancellation())));
  }

  private Behavior<Command> onUffdEarly(Uffd.Event event) {
    return event instanceof Uffd.Broken broken ? refused(broken.cause()) : noteFilled(event);
  }

  /** A small guest has every page before it is restored. */
  private Behavior<Command> noteFilled(Uffd.Event event) {
    if (event instanceof Uffd.Filled filled) {
      session.filling().filledEarly(filled);
    }
    return Behaviors.same();
  }

  private Behavior<Command> onRestored(Vm.SessionReply reply, @Nullable String digest) {
    if (!(reply instanceof Vm.GuestPaused)) {
      return refused(DestinationEnding.guestFailure(reply));
    }
    open.reply(Response.ok());
    return new DestinationHandover(session)
        .ready(session.filling().arriving(new ArrivedGuest(spec, digest)));
  }
}
