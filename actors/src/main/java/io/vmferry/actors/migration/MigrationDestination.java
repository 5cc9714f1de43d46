package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.actors.vm.MemoryDigests;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * The destination's side of one migration.
 *
 * <p>States, drawn in docs/architecture.md: binding, waiting (for the source), started (Start,
 * descriptors), configuring, receiving (Memory), restoring (State), ready, resuming (Complete),
 * filling (postcopy), and the end. Until the answer to Complete is due every failure throws away
 * what has come: the guest never ran here. Which command is legal when is judged by the protocol's
 * own state machine, below this actor.
 */
public final class MigrationDestination {
  /** What a destination session is told. */
  public sealed interface Command {}

  /** Stops waiting or receiving, while the guest does not run here. */
  public record Cancel() implements Command {}

  /** Told once whether the session could listen; called on the session's actor. */
  public interface Bound {
    /** It listens; {@code url} has the port that was bound. */
    void listening(String migrationId, String url);

    /** It cannot, and ends. */
    void failed(FailureCode code, String reason);
  }

  record Listening(Reception reception) implements Command {}

  record ListenFailed(Throwable cause) implements Command {}

  record FromSource(Inbound event) implements Command {}

  record SourceConnected() implements Command {}

  record SourceEnded() implements Command {}

  record FaultConnected(Connection connection) implements Command {}

  record PushConnected(Connection connection) implements Command {}

  record ReceptionFailed(Throwable cause) implements Command {}

  record Named(boolean free) implements Command {}

  record MachineBuilt(Machine machine) implements Command {}

  record Digested(String digest) implements Command {}

  record PresentDigested(long digest) implements Command {}

  record FromVm(Vm.SessionReply reply) implements Command {}

  record FromUffd(Uffd.Event event) implements Command {}

  record StepFailed(Throwable cause) implements Command {}

  record VmGone() implements Command {}

  record Tick() implements Command {}

  record FaultConnectionOverdue() implements Command {}

  private static final Duration TICK = Duration.ofMillis(250);

  private final ActorContext<Command> context;
  private final String id;
  private final ReceiveOptions options;
  private final ArrivalGate gate;
  private final ActorRef<MigrationEvent> follower;
  private final Bound bound;
  private final Executor blocking;
  private final DestinationFigures figures = new DestinationFigures();
  private final Map<Integer, OwnedFd> memoryFds = new TreeMap<>();
  private @Nullable Reception reception;
  private @Nullable Machine unadopted;
  private @Nullable ActorRef<Vm.Command> vm;
  private @Nullable ActorRef<Uffd.Command> uffd;
  private final List<Uffd.Command> forUffd = new ArrayList<>();
  private Extensions agreed = Extensions.NONE;
  private String vmName = "";
  private @Nullable MissingPages missing;
  private @Nullable Connection faults;
  private long presentDigest;
  private boolean answersSent;

  private MigrationDestination(
      ActorContext<Command> context,
      String id,
      ReceiveOptions options,
      ArrivalGate gate,
      ActorRef<MigrationEvent> follower,
      Bound bound) {
    this.context = context;
    this.id = id;
    this.options = options;
    this.gate = gate;
    this.follower = follower;
    this.bound = bound;
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
  }

  /**
   * A session that listens at once.
   *
   * @param gate what it needs of its host
   * @param follower hears progress about four times a second, then exactly one ending; nothing if
   *     it could not even listen
   * @param bound hears whether it listens
   */
  public static Behavior<Command> create(
      String id,
      ReceiveOptions options,
      ArrivalGate gate,
      ActorRef<MigrationEvent> follower,
      Bound bound) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), TICK);
                  return new MigrationDestination(context, id, options, gate, follower, bound)
                      .bind();
                }));
  }

  // Waiting for the source.

  private Behavior<Command> bind() {
    ReceptionEvents events = new ToSelf(context.getSelf());
    context.pipeToSelf(
        CompletableFuture.supplyAsync(
            () ->
                Steps.call(
                    () -> Reception.listen(options.receiverUrl(), events, context.getSystem())),
            blocking),
        (listening, failure) ->
            failure == null ? new Listening(listening) : new ListenFailed(failure));
    return state(
        MigrationPhase.CONNECTING,
        on ->
            on.onMessage(Listening.class, m -> onListening(m.reception()))
                .onMessage(ListenFailed.class, m -> onListenFailed(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.stopped()));
  }

  private Behavior<Command> onListening(Reception listening) {
    reception = listening;
    context.getLog().info("Migration {} listens at {}", id, listening.url());
    bound.listening(id, listening.url());
    listening.accept();
    return state(
        MigrationPhase.CONNECTING,
        on ->
            on.onMessage(SourceConnected.class, m -> onSourceConnected())
                .onMessage(Cancel.class, m -> cancelled(MigrationPhase.CONNECTING)));
  }

  private Behavior<Command> onListenFailed(Throwable cause) {
    bound.failed(FailureCode.ADDRESS_UNUSABLE, Failures.sentence(cause));
    return Behaviors.stopped();
  }

  private Behavior<Command> onSourceConnected() {
    figures.begin();
    context.getLog().info("Migration {}: a source has connected", id);
    return started();
  }

  // Preparing: Start, descriptors, Config.

  private Behavior<Command> started() {
    return state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(FromSource.class, this::onPreparing)
                .onMessage(Cancel.class, m -> cancelled(MigrationPhase.PREPARING)));
  }

  private Behavior<Command> onPreparing(FromSource m) {
    if (m.event() instanceof Inbound.Start start) {
      agreed = taken().and(start.extensions());
      start.reply(Response.ok(agreed));
    } else if (m.event() instanceof Inbound.MemoryFd memory) {
      if (memoryFds.putIfAbsent(memory.slot(), memory.fd()) != null) {
        memory.fd().close();
        return refused(
            m.event(),
            MigrationPhase.PREPARING,
            new MigrationException(
                FailureCode.PROTOCOL_VIOLATION,
                "The source sent the memory of slot " + memory.slot() + " twice."));
      }
      memory.reply(Response.ok());
    } else if (m.event() instanceof Inbound.Config config) {
      return configure(config);
    } else {
      return onEnd(m.event(), MigrationPhase.PREPARING);
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
      config = MachineConfig.parse(event.json(), options.vmName());
      vmName = config.spec().name();
    } catch (IOException e) {
      return refused(event, MigrationPhase.PREPARING, e);
    }
    ActorRef<Boolean> named = context.messageAdapter(Boolean.class, Named::new);
    gate.reserve(vmName, id, named);
    return state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(Named.class, m -> onNamed(m.free(), config, event))
                .onMessage(Cancel.class, m -> refusedByCancel(event, MigrationPhase.PREPARING)));
  }

  private Behavior<Command> onNamed(boolean free, MachineConfig config, Inbound.Config event) {
    if (!free) {
      return refused(
          event,
          MigrationPhase.PREPARING,
          new MigrationException(
              FailureCode.NAME_TAKEN, "This host already has a VM named " + vmName + "."));
    }
    step(
        () -> ArrivingMachine.build(config, options, gate.hypervisor(), memoryFds),
        MachineBuilt::new);
    return state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(MachineBuilt.class, m -> onMachineBuilt(m.machine(), config, event))
                .onMessage(
                    StepFailed.class, m -> refused(event, MigrationPhase.PREPARING, m.cause()))
                .onMessage(ReceptionFailed.class, m -> failedWhileBuilding(m.cause()))
                .onMessage(Cancel.class, m -> failedWhileBuilding(cancellation())));
  }

  /** The machine is being built and must be freed: the end waits for it. */
  private Behavior<Command> failedWhileBuilding(Throwable cause) {
    return state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(MachineBuilt.class, m -> failedWithMachine(m.machine(), cause))
                .onMessage(StepFailed.class, m -> failed(MigrationPhase.PREPARING, cause))
                .onMessage(ReceptionFailed.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> failedWithMachine(Machine machine, Throwable cause) {
    unadopted = machine;
    return failed(MigrationPhase.PREPARING, cause);
  }

  private Behavior<Command> onMachineBuilt(
      Machine machine, MachineConfig config, Inbound.Config event) {
    unadopted = machine;
    figures.expect(machine.memory().sizeBytes());
    LongConsumer progress = figures.bytesReceived()::addAndGet;
    Objects.requireNonNull(reception).receiveInto(machine.memory(), agreed, progress);
    if (hasRounds()) {
      event.accept(machine.memory(), progress);
    } else {
      // Whoever sends memory now is refused: it would land in pages that are missing or shared.
      event.reply(Response.ok());
    }
    context.getLog().info("Migration {}: {} is being received", id, vmName);
    missing =
        options.mode() == MemoryMode.POSTCOPY
            ? MissingPages.all(machine.memory())
            : MissingPages.none(machine.memory());
    return receiving(machine, config.spec());
  }

  private boolean hasRounds() {
    return options.mode() == MemoryMode.PRECOPY || options.mode() == MemoryMode.HYBRID;
  }

  // Receiving: Memory until State.

  private Behavior<Command> receiving(Machine machine, VmSpec spec) {
    return state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromSource.class, m -> onReceiving(m.event(), machine, spec))
                .onMessage(Cancel.class, m -> cancelled(MigrationPhase.PRECOPY)));
  }

  private Behavior<Command> onReceiving(Inbound event, Machine machine, VmSpec spec) {
    if (event instanceof Inbound.Discard discard) {
      return onDiscard(discard);
    }
    if (!(event instanceof Inbound.State state)) {
      return onEnd(event, MigrationPhase.PRECOPY);
    }
    figures.stateCame();
    if (hasRounds() && missing().isEmpty() && figures.bytesReceived().get() == 0) {
      return refused(event, MigrationPhase.SWITCHOVER, otherMode());
    }
    Arrival arrival;
    try {
      arrival = new Arrival(state, MachineState.parse(state.json()), machine, spec);
    } catch (IOException e) {
      return refused(event, MigrationPhase.SWITCHOVER, e);
    }
    if (missing().isEmpty()) {
      return options.verify() ? digest(arrival) : admit(arrival, null);
    }
    // What the rounds brought is read before the guest can change it.
    return options.verify() && missing().presentBytes() > 0
        ? digestPresent(arrival)
        : lackingPages(arrival);
  }

  private Behavior<Command> onDiscard(Inbound.Discard discard) {
    try {
      missing().add(discard.pages());
    } catch (ProtocolException e) {
      return refused(discard, MigrationPhase.SWITCHOVER, e);
    }
    discard.reply(Response.ok());
    return Behaviors.same();
  }

  private MissingPages missing() {
    return Objects.requireNonNull(missing);
  }

  private Behavior<Command> digestPresent(Arrival arrival) {
    step(() -> missing().presentDigest(), PresentDigested::new);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(PresentDigested.class, m -> onPresentDigested(m, arrival))
                .onMessage(
                    StepFailed.class,
                    m -> refused(arrival.event(), MigrationPhase.SWITCHOVER, m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onPresentDigested(PresentDigested m, Arrival arrival) {
    presentDigest = m.digest();
    return lackingPages(arrival);
  }

  private Behavior<Command> lackingPages(Arrival arrival) {
    Connection first = faults;
    return first == null ? awaitFaultConnection(arrival) : startUffd(arrival, first);
  }

  /** To run this guest would be to run it without its memory. */
  private static MigrationException otherMode() {
    return new MigrationException(
        FailureCode.INVALID_REQUEST,
        "The source sent no memory before the guest's state; give both sides the same"
            + " memory_mode.");
  }

  /** The open State command and what it is about. */
  private record Arrival(Inbound.State event, MachineState state, Machine machine, VmSpec spec) {}

  private Behavior<Command> awaitFaultConnection(Arrival arrival) {
    context.scheduleOnce(
        WireLimits.FAULT_CONNECTION_TIMEOUT, context.getSelf(), new FaultConnectionOverdue());
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FaultConnected.class, m -> startUffd(arrival, m.connection()))
                .onMessage(
                    FaultConnectionOverdue.class,
                    m -> refused(arrival.event(), MigrationPhase.SWITCHOVER, overdue()))
                .onMessage(FromSource.class, m -> onEnd(m.event(), MigrationPhase.SWITCHOVER))
                .onMessage(
                    Cancel.class,
                    m -> refusedByCancel(arrival.event(), MigrationPhase.SWITCHOVER)));
  }

  private static MigrationException overdue() {
    return new MigrationException(
        FailureCode.PEER_SILENT,
        "The source opened no fault connection within "
            + WireLimits.FAULT_CONNECTION_TIMEOUT.toSeconds()
            + " s; did both sides name the same memory_mode?");
  }

  private Behavior<Command> startUffd(Arrival arrival, Connection first) {
    ActorRef<Uffd.Event> events = context.messageAdapter(Uffd.Event.class, FromUffd::new);
    ActorRef<Uffd.Command> started =
        context.spawn(
            Uffd.create(missing(), first, agreed, figures.fillProgress(), options.verify(), events),
            "uffd");
    uffd = started;
    forUffd.forEach(started::tell);
    forUffd.clear();
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromUffd.class, m -> onUffdStarted(m.event(), arrival))
                .onMessage(FromSource.class, m -> onEnd(m.event(), MigrationPhase.SWITCHOVER))
                .onMessage(
                    Cancel.class,
                    m -> refusedByCancel(arrival.event(), MigrationPhase.SWITCHOVER)));
  }

  /** Fault connections may come at any time, also before State. */
  private Behavior<Command> onFaultConnected(FaultConnected m) {
    if (faults == null) {
      faults = m.connection();
      return Behaviors.same();
    }
    return bringsPages(m.connection(), new Uffd.AddFaults(m.connection()));
  }

  private Behavior<Command> onPushConnected(PushConnected m) {
    return bringsPages(m.connection(), new Uffd.AddPush(m.connection()));
  }

  private Behavior<Command> bringsPages(Connection connection, Uffd.Command add) {
    ActorRef<Uffd.Command> started = uffd;
    boolean lacking = options.mode() == MemoryMode.POSTCOPY || options.mode() == MemoryMode.HYBRID;
    if (!lacking || !agreed.has(Extension.PUSH)) {
      connection.close();
    } else if (started != null) {
      started.tell(add);
    } else {
      forUffd.add(add);
    }
    return Behaviors.same();
  }

  private Behavior<Command> onUffdStarted(Uffd.Event event, Arrival arrival) {
    if (event instanceof Uffd.Broken broken) {
      return refused(arrival.event(), MigrationPhase.SWITCHOVER, broken.cause());
    }
    return event instanceof Uffd.Registered ? admit(arrival, null) : Behaviors.same();
  }

  private Behavior<Command> digest(Arrival arrival) {
    step(() -> MemoryDigests.text(MemoryDigest.of(arrival.machine().memory())), Digested::new);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Digested.class, m -> admit(arrival, m.digest()))
                .onMessage(
                    StepFailed.class,
                    m -> refused(arrival.event(), MigrationPhase.SWITCHOVER, m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> admit(Arrival arrival, @Nullable String digest) {
    unadopted = null;
    gate.admit(
        arrival.spec(),
        arrival.machine(),
        id,
        arrival.state(),
        context.messageAdapter(Vm.SessionReply.class, FromVm::new));
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onArriving(m.reply(), arrival, digest))
                .onMessage(FromUffd.class, m -> onUffdWhileAdmitting(m.event(), arrival))
                .onMessage(ReceptionFailed.class, m -> refusedWhileAdmitting(arrival, m.cause()))
                .onMessage(Cancel.class, m -> refusedWhileAdmitting(arrival, cancellation())));
  }

  private Behavior<Command> onUffdWhileAdmitting(Uffd.Event event, Arrival arrival) {
    return event instanceof Uffd.Broken broken
        ? refusedWhileAdmitting(arrival, broken.cause())
        : Behaviors.same();
  }

  /** The guest's actor is being made and must be told: the end waits for it. */
  private Behavior<Command> refusedWhileAdmitting(Arrival arrival, Throwable cause) {
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(
                    FromVm.class,
                    m -> {
                      adopt(m.reply());
                      return refused(arrival.event(), MigrationPhase.SWITCHOVER, cause);
                    })
                .onMessage(ReceptionFailed.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private void adopt(Vm.SessionReply reply) {
    if (reply instanceof Vm.Arriving arriving) {
      vm = arriving.vm();
      context.watchWith(arriving.vm(), new VmGone());
    }
  }

  private Behavior<Command> onArriving(
      Vm.SessionReply reply, Arrival arrival, @Nullable String digest) {
    adopt(reply);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onRestored(m.reply(), arrival, digest))
                .onMessage(FromUffd.class, m -> onUffdEarly(m.event(), arrival.event()))
                .onMessage(
                    Cancel.class,
                    m -> refusedByCancel(arrival.event(), MigrationPhase.SWITCHOVER)));
  }

  private Behavior<Command> onRestored(
      Vm.SessionReply reply, Arrival arrival, @Nullable String digest) {
    if (!(reply instanceof Vm.GuestPaused)) {
      return refused(arrival.event(), MigrationPhase.SWITCHOVER, guestFailure(reply));
    }
    arrival.event().reply(Response.ok());
    return ready(new Handover(arrival.spec(), digest, null));
  }

  private Behavior<Command> onUffdEarly(Uffd.Event event, Inbound open) {
    return event instanceof Uffd.Broken broken
        ? refused(open, MigrationPhase.SWITCHOVER, broken.cause())
        : Behaviors.same();
  }

  // The handover: Complete.

  /** What is known of the guest when it is handed over. */
  private record Handover(VmSpec spec, @Nullable String digest, @Nullable FillReport fill) {
    Handover filled(FillReport report) {
      return new Handover(spec, digest, report);
    }
  }

  private Behavior<Command> ready(Handover handover) {
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromSource.class, m -> onReady(m.event(), handover))
                .onMessage(FromUffd.class, m -> onUffdReady(m.event(), handover))
                .onMessage(Cancel.class, m -> cancelled(MigrationPhase.SWITCHOVER)));
  }

  private Behavior<Command> onUffdReady(Uffd.Event event, Handover handover) {
    if (event instanceof Uffd.Broken broken) {
      return failed(MigrationPhase.SWITCHOVER, broken.cause());
    }
    return event instanceof Uffd.Filled filled
        ? ready(handover.filled(filled.report()))
        : Behaviors.same();
  }

  private Behavior<Command> onReady(Inbound event, Handover handover) {
    if (!(event instanceof Inbound.Complete complete)) {
      return onEnd(event, MigrationPhase.SWITCHOVER);
    }
    if (complete.paused()) {
      figures.resumed(System.nanoTime());
      complete.reply(Response.ok());
      return handedOver(handover, true);
    }
    tellVm(new Vm.RunArrived(context.messageAdapter(Vm.SessionReply.class, FromVm::new)));
    return resuming(complete, handover);
  }

  private Behavior<Command> resuming(Inbound.Complete complete, Handover handover) {
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onResumed(m.reply(), complete, handover))
                .onMessage(
                    FromUffd.class,
                    m ->
                        m.event() instanceof Uffd.Filled filled
                            ? resuming(complete, handover.filled(filled.report()))
                            : Behaviors.same())
                // Too late: the guest may be running here.
                .onMessage(FromSource.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onResumed(
      Vm.SessionReply reply, Inbound.Complete complete, Handover handover) {
    if (!(reply instanceof Vm.GuestResumed resumed)) {
      return refused(complete, MigrationPhase.SWITCHOVER, guestFailure(reply));
    }
    figures.resumed(resumed.atNanos());
    complete.reply(Response.ok());
    context.getLog().info("Migration {}: {} runs here", id, vmName);
    return handedOver(handover, false);
  }

  private Behavior<Command> handedOver(Handover handover, boolean paused) {
    if (uffd != null && handover.fill() == null) {
      return filling(handover, paused);
    }
    return onceAnswered(MigrationPhase.SWITCHOVER, () -> arrived(handover, paused));
  }

  // Postcopy: the guest runs here, or waits paused, while its pages come.

  private Behavior<Command> filling(Handover handover, boolean paused) {
    return state(
        MigrationPhase.POSTCOPY,
        on ->
            on.onMessage(FromUffd.class, m -> onFilling(m.event(), handover, paused))
                .onMessage(FromSource.class, m -> Behaviors.same())
                .onMessage(ReceptionFailed.class, m -> onAnswersSent())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onFilling(Uffd.Event event, Handover handover, boolean paused) {
    if (event instanceof Uffd.Filled filled) {
      Handover whole = handover.filled(filled.report());
      return onceAnswered(MigrationPhase.POSTCOPY, () -> arrived(whole, paused));
    } else if (event instanceof Uffd.Broken broken) {
      return broken(broken.cause());
    }
    return Behaviors.same();
  }

  /**
   * The guest is here and lacks pages that only the source has: it waits. Nothing may be closed: a
   * missing page would read as zeros.
   */
  private Behavior<Command> broken(Throwable cause) {
    follower.tell(
        failure(
            MigrationPhase.POSTCOPY,
            Failures.code(cause),
            "The guest is here and waits for pages that only the source has: "
                + Failures.sentence(cause),
            GuestLocation.DESTINATION));
    tellVm(new Vm.SessionEnded(Vm.Outcome.INCOMPLETE));
    return Behaviors.receive(Command.class)
        .onMessage(VmGone.class, m -> Behaviors.stopped())
        .onMessage(
            FromVm.class,
            m -> m.reply() instanceof Vm.Discarding ? Behaviors.stopped() : Behaviors.same())
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  // The end.

  private Behavior<Command> arrived(Handover handover, boolean paused) {
    tellVm(new Vm.SessionEnded(paused ? Vm.Outcome.STAYS_PAUSED : Vm.Outcome.STAYS_RUNNING));
    FillReport fill = handover.fill();
    String digest =
        fill != null && options.verify()
            ? MemoryDigests.text(presentDigest + fill.digest())
            : handover.digest();
    follower.tell(
        new MigrationEvent.Finished(
            figures.summary(id, handover.spec(), options.mode(), digest, fill, paused)));
    return Behaviors.stopped();
  }

  /** The source gave up or vanished before the guest was handed over. */
  private Behavior<Command> onEnd(Inbound event, MigrationPhase phase) {
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

  private Behavior<Command> refusedByCancel(Inbound open, MigrationPhase phase) {
    return refused(open, phase, cancellation());
  }

  /** Answers the open command with an error, and ends. */
  private Behavior<Command> refused(Inbound open, MigrationPhase phase, Throwable cause) {
    if (open instanceof Inbound.Question question) {
      question.reply(Response.error());
    }
    return onceAnswered(phase, () -> failed(phase, cause));
  }

  /**
   * Goes on when the last answer is on its way: to end sooner would close the connection before it,
   * and the source would not know what became of its guest.
   */
  private Behavior<Command> onceAnswered(MigrationPhase phase, Supplier<Behavior<Command>> then) {
    if (answersSent) {
      return then.get();
    }
    return state(
        phase,
        on ->
            on.onMessage(SourceEnded.class, m -> then.get())
                .onMessage(ReceptionFailed.class, m -> then.get())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onAnswersSent() {
    answersSent = true;
    return Behaviors.same();
  }

  private Behavior<Command> cancelled(MigrationPhase phase) {
    return failed(phase, cancellation());
  }

  private static MigrationException cancellation() {
    return new MigrationException(
        FailureCode.CANCELLED, "The migration was cancelled on the destination.");
  }

  /** Before the guest ran here: what has come is thrown away. */
  private Behavior<Command> failed(MigrationPhase phase, Throwable cause) {
    context.getLog().info("Migration {} stopped: {}", id, Failures.sentence(cause));
    tellVm(new Vm.SessionEnded(Vm.Outcome.DISCARDED));
    follower.tell(
        failure(phase, Failures.code(cause), Failures.sentence(cause), GuestLocation.SOURCE));
    return Behaviors.stopped();
  }

  private static MigrationException guestFailure(Vm.SessionReply reply) {
    String why =
        reply instanceof Vm.GuestFailed failed
            ? "The guest cannot run here: " + failed.reason()
            : "The VM answered " + reply.getClass().getSimpleName() + " out of turn.";
    return new MigrationException(FailureCode.GUEST_FAILED, why);
  }

  private MigrationEvent failure(
      MigrationPhase phase, FailureCode code, String reason, GuestLocation location) {
    return new MigrationEvent.Failed(
        new MigrationFailure(id, vmName, code, phase, reason, location, false));
  }

  private void tellVm(Vm.Command command) {
    if (vm != null) {
      vm.tell(command);
    }
  }

  private <T> void step(Callable<T> work, Function<T, Command> done) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> Steps.call(work), blocking),
        (value, failure) -> failure == null ? done.apply(value) : new StepFailed(failure));
  }

  /** A state: what it handles itself, then what all states handle alike. */
  private Behavior<Command> state(
      MigrationPhase phase, UnaryOperator<BehaviorBuilder<Command>> own) {
    return own.apply(Behaviors.receive(Command.class))
        .onMessage(Tick.class, m -> onTick(phase))
        .onMessage(StepFailed.class, m -> failed(phase, m.cause()))
        .onMessage(SourceEnded.class, m -> onAnswersSent())
        .onMessage(FaultConnected.class, this::onFaultConnected)
        .onMessage(PushConnected.class, this::onPushConnected)
        .onMessage(ReceptionFailed.class, m -> failed(phase, m.cause()))
        .onMessage(
            VmGone.class, m -> failed(phase, guestFailure(new Vm.GuestFailed("It is gone."))))
        .onAnyMessage(m -> dropped(m))
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  /** A report that came too late may carry something that must be closed. */
  private Behavior<Command> dropped(Command command) {
    if (command instanceof Listening late) {
      late.reception().close();
    }
    return Behaviors.same();
  }

  private Behavior<Command> onTick(MigrationPhase phase) {
    if (phase == MigrationPhase.CONNECTING) {
      return Behaviors.same();
    }
    follower.tell(new MigrationEvent.Progressed(figures.progress(id, vmName, phase)));
    return Behaviors.same();
  }

  private Behavior<Command> onStop() {
    if (reception != null) {
      reception.close();
    }
    memoryFds.values().forEach(OwnedFd::close);
    Machine left = unadopted;
    if (left != null) {
      blocking.execute(left::close);
    }
    return Behaviors.same();
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
