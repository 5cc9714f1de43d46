package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.DestinationEnding.cancellation;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.migration.MigrationDestination.Bound;
import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FaultConnected;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.migration.MigrationDestination.ListenFailed;
import io.vmferry.actors.migration.MigrationDestination.Listening;
import io.vmferry.actors.migration.MigrationDestination.MachineBuilt;
import io.vmferry.actors.migration.MigrationDestination.Named;
import io.vmferry.actors.migration.MigrationDestination.PushConnected;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.migration.MigrationDestination.SourceConnected;
import io.vmferry.actors.migration.MigrationDestination.SourceEnded;
import io.vmferry.actors.migration.MigrationDestination.SourceSettled;
import io.vmferry.actors.migration.MigrationDestination.StepFailed;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The first phase of a {@link MigrationDestination}: listen, wait for the source, then Start,
 * descriptors and Config, until the machine is made.
 */
final class DestinationPreparing {
  private final DestinationSession session;
  private final DestinationEnding ending;
  private final ReceiveOptions options;
  private final Bound bound;

  DestinationPreparing(DestinationSession session, Bound bound) {
    this.session = session;
    this.ending = session.ending();
    this.options = session.options();
    this.bound = bound;
  }

  // Waiting for the source.

  Behavior<Command> bind() {
    ReceptionEvents events = new ToSelf(session.context().getSelf());
    session
        .context()
        .pipeToSelf(
            CompletableFuture.supplyAsync(
                () ->
                    Steps.call(
                        () ->
                            Reception.listen(
                                options, events, session.resume(), session.context().getSystem())),
                session.blocking()),
            (listening, failure) ->
                failure == null ? new Listening(listening) : new ListenFailed(failure));
    return session.state(
        MigrationPhase.CONNECTING,
        on ->
            on.onMessage(Listening.class, m -> onListening(m.reception()))
                .onMessage(ListenFailed.class, m -> onListenFailed(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.stopped()));
  }

  private Behavior<Command> onListening(Reception listening) {
    session.own(listening);
    session.context().getLog().info("Migration {} listens at {}", session.id(), listening.url());
    bound.listening(session.id(), listening.url());
    listening.accept();
    return session.state(
        MigrationPhase.CONNECTING,
        on ->
            on.onMessage(SourceConnected.class, m -> onSourceConnected())
                .onMessage(Cancel.class, m -> ending.cancelled(MigrationPhase.CONNECTING)));
  }

  private Behavior<Command> onListenFailed(Throwable cause) {
    bound.failed(FailureCode.ADDRESS_UNUSABLE, Failures.sentence(cause));
    return Behaviors.stopped();
  }

  private Behavior<Command> onSourceConnected() {
    session.figures().begin();
    session.context().getLog().info("Migration {}: a source has connected", session.id());
    return started();
  }

  // Start, descriptors, Config.

  private Behavior<Command> started() {
    return session.state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(FromSource.class, m -> onStarted(m.event()))
                .onMessage(Cancel.class, m -> ending.cancelled(MigrationPhase.PREPARING)));
  }

  private Behavior<Command> onStarted(Inbound event) {
    if (event instanceof Inbound.Start start) {
      session.agree(taken().and(start.extensions()));
      start.reply(Response.ok(session.agreed()));
    } else if (event instanceof Inbound.Identify identify) {
      if (!session.resume().identify(identify.key())) {
        return ending.refused(
            identify,
            MigrationPhase.PREPARING,
            new MigrationException(
                FailureCode.PROTOCOL_VIOLATION, "The source named the migration twice."));
      }
      identify.reply(Response.ok());
    } else if (event instanceof Inbound.MemoryFd memory) {
      if (!session.own(memory.slot(), memory.fd())) {
        memory.fd().close();
        return ending.refused(
            memory,
            MigrationPhase.PREPARING,
            new MigrationException(
                FailureCode.PROTOCOL_VIOLATION,
                "The source sent the memory of slot " + memory.slot() + " twice."));
      }
      memory.reply(Response.ok());
    } else if (event instanceof Inbound.Config config) {
      return configure(config);
    } else {
      return ending.onEnd(event, MigrationPhase.PREPARING);
    }
    return Behaviors.same();
  }

  private Extensions taken() {
    if (!options.extensions()) {
      return Extensions.NONE;
    }
    Extensions known = Extensions.known();
    return options.mode() == MemoryMode.HYBRID ? known : known.without(Extension.HYBRID);
  }

  private Behavior<Command> configure(Inbound.Config event) {
    MachineConfig config;
    try {
      config = session.read("config", () -> MachineConfig.parse(event.json(), options.vmName()));
    } catch (IOException e) {
      return ending.refused(event, MigrationPhase.PREPARING, e);
    }
    session.name(config.spec().name());
    ActorRef<Boolean> named = session.context().messageAdapter(Boolean.class, Named::new);
    session.gate().reserve(session.vmName(), config.identity(), session.id(), named);
    return session.state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(Named.class, m -> onNamed(m.free(), config, event))
                .onMessage(
                    Cancel.class,
                    m -> ending.refused(event, MigrationPhase.PREPARING, cancellation())));
  }

  private Behavior<Command> onNamed(boolean free, MachineConfig config, Inbound.Config event) {
    if (!free) {
      return ending.refused(
          event,
          MigrationPhase.PREPARING,
          new MigrationException(
              FailureCode.NAME_TAKEN,
              "This host already has a VM named "
                  + session.vmName()
                  + "; 'vmferry vm info' there says what it is."));
    }
    session.step(
        () -> {
          session.records().begin(config);
          return ArrivingMachine.build(
              config, options, session.gate().hypervisor(), session.memoryFds());
        },
        MachineBuilt::new);
    return session.state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(MachineBuilt.class, m -> onMachineBuilt(m.machine(), config, event))
                .onMessage(
                    StepFailed.class,
                    m -> ending.refused(event, MigrationPhase.PREPARING, m.cause()))
                .onMessage(ReceptionFailed.class, m -> failedWhileBuilding(m.cause()))
                .onMessage(Cancel.class, m -> failedWhileBuilding(cancellation())));
  }

  /** The machine is being built and must be freed: the end waits for it. */
  private Behavior<Command> failedWhileBuilding(Throwable cause) {
    return session.state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(MachineBuilt.class, m -> failedWithMachine(m.machine(), cause))
                .onMessage(StepFailed.class, m -> ending.failed(MigrationPhase.PREPARING, cause))
                .onMessage(ReceptionFailed.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> failedWithMachine(Machine machine, Throwable cause) {
    session.own(machine);
    return ending.failed(MigrationPhase.PREPARING, cause);
  }

  private Behavior<Command> onMachineBuilt(
      Machine machine, MachineConfig config, Inbound.Config event) {
    session.own(machine);
    session.figures().expect(machine.memory().sizeBytes());
    session.resume().expect(GuestPages.of(machine.memory()));
    LongConsumer progress = session.figures().bytesReceived()::addAndGet;
    session.receiveInto(machine.memory(), progress);
    if (options.mode().hasRounds() && session.memoryFds().isEmpty()) {
      event.accept(machine.memory(), progress);
    } else {
      // Whoever sends memory now is refused: it would land in pages that are missing or shared.
      event.reply(Response.ok());
    }
    session
        .context()
        .getLog()
        .info("Migration {}: {} is being received", session.id(), session.vmName());
    MissingPages missing =
        options.mode() == MemoryMode.POSTCOPY
            ? MissingPages.all(machine.memory())
            : MissingPages.none(machine.memory());
    return new DestinationReceiving(session, machine, config.spec(), missing).receiving();
  }

  /** Carries what the reception's threads see into the mailbox. */
  private record ToSelf(ActorRef<Command> self) implements ReceptionEvents {
    @Override
    public void sourceConnected() {
      self.tell(new SourceConnected());
    }

    @Override
    public void inbound(Inbound event) {
      self.tell(new FromSource(event));
    }

    @Override
    public void pushConnection(Connection connection) {
      self.tell(new PushConnected(connection));
    }

    @Override
    public void settled() {
      self.tell(new SourceSettled());
    }

    @Override
    public void ended() {
      self.tell(new SourceEnded());
    }

    @Override
    public void faultConnection(Connection connection) {
      self.tell(new FaultConnected(connection));
    }

    @Override
    public void failed(Throwable cause) {
      self.tell(new ReceptionFailed(cause));
    }
  }
}
