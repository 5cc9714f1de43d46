package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FaultConnected;
import io.vmferry.actors.migration.MigrationDestination.Listening;
import io.vmferry.actors.migration.MigrationDestination.MissingAsked;
import io.vmferry.actors.migration.MigrationDestination.PushConnected;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.migration.MigrationDestination.SourceEnded;
import io.vmferry.actors.migration.MigrationDestination.SourceSettled;
import io.vmferry.actors.migration.MigrationDestination.StepFailed;
import io.vmferry.actors.migration.MigrationDestination.Tick;
import io.vmferry.actors.migration.MigrationDestination.VmGone;
import io.vmferry.actors.vm.Vm;
import io.vmferry.kvm.OwnedFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.LongConsumer;
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
 * What the phases of one {@link MigrationDestination} share, and what its states handle alike.
 *
 * <p>It owns what must be closed when the session ends, in whatever state: the reception, memory
 * descriptors, and the machine until a {@link Vm} has it.
 */
final class DestinationSession {
  private final ActorContext<Command> context;
  private final String id;
  private final ReceiveOptions options;
  private final ArrivalGate gate;
  private final ActorRef<MigrationEvent> follower;
  private final Executor blocking;
  private final DestinationFigures figures = new DestinationFigures();
  private final DestinationFilling filling = new DestinationFilling(this);
  private final DestinationEnding ending = new DestinationEnding(this);
  private final DestinationResume resume;
  private final DestinationRecords records;
  private final Sandbox sandbox;
  private final Duration linger;
  private final Duration deadPeer;
  private final Map<Integer, OwnedFd> memoryFds = new TreeMap<>();
  private @Nullable Reception reception;
  private @Nullable Machine unadopted;
  private @Nullable ActorRef<Vm.Command> vm;
  private Extensions agreed = Extensions.NONE;
  private String vmName = "";

  DestinationSession(
      ActorContext<Command> context,
      String id,
      ReceiveOptions options,
      ArrivalGate gate,
      ActorRef<MigrationEvent> follower) {
    this.context = context;
    this.id = id;
    this.options = options;
    this.gate = gate;
    this.follower = follower;
    SessionTimeouts timeouts = SessionTimeouts.of(context.getSystem());
    // The source waits this long for an answer: it must hear that there is none before.
    this.resume = new DestinationResume(context.getSelf(), timeouts.answer().dividedBy(2));
    this.linger = timeouts.linger();
    this.deadPeer = timeouts.deadPeer();
    this.records = new DestinationRecords(this);
    this.sandbox = Sandbox.of(context.getSystem());
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
  }

  /** A state: what it handles itself, then what all states handle alike. */
  Behavior<Command> state(MigrationPhase phase, UnaryOperator<BehaviorBuilder<Command>> own) {
    return own.apply(Behaviors.receive(Command.class))
        .onMessage(Tick.class, m -> onTick(phase))
        .onMessage(StepFailed.class, m -> ending.failed(phase, m.cause()))
        .onMessage(SourceEnded.class, m -> ending.onAnswersSent())
        .onMessage(SourceSettled.class, m -> ending.onSettled())
        .onMessage(MissingAsked.class, filling::onMissingAsked)
        .onMessage(FaultConnected.class, filling::onFaultConnected)
        .onMessage(PushConnected.class, filling::onPushConnected)
        .onMessage(ReceptionFailed.class, m -> ending.failed(phase, m.cause()))
        .onMessage(VmGone.class, m -> onVmGone(phase))
        .onAnyMessage(this::dropped)
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  private Behavior<Command> onTick(MigrationPhase phase) {
    if (phase == MigrationPhase.CONNECTING) {
      return Behaviors.same();
    }
    follower.tell(new MigrationEvent.Progressed(figures.progress(id, vmName, phase)));
    return Behaviors.same();
  }

  private Behavior<Command> onVmGone(MigrationPhase phase) {
    return ending.failed(phase, DestinationEnding.guestFailure(new Vm.GuestFailed("It is gone.")));
  }

  /** A report that came too late may carry something that must be closed. */
  private Behavior<Command> dropped(Command command) {
    if (command instanceof Listening late) {
      late.reception().close();
    }
    return Behaviors.same();
  }

  /** Closes what it owns. */
  Behavior<Command> onStop() {
    if (reception != null) {
      reception.close();
    }
    resume.close();
    release();
    return Behaviors.same();
  }

  /** Frees what is here of a guest that no {@link Vm} has. */
  void release() {
    memoryFds.values().forEach(OwnedFd::close);
    memoryFds.clear();
    Machine left = unadopted;
    unadopted = null;
    if (left != null) {
      blocking.execute(left::close);
    }
  }

  /**
   * Reads a document of the source's on a fenced thread.
   *
   * @throws IOException as the reading does
   */
  <T> T read(String what, Callable<T> reading) throws IOException {
    return sandbox.compute(SandboxRole.HEARS_PEER, what + "-" + id, reading);
  }

  /** Does blocking work; its result comes as what {@code done} makes, or as StepFailed. */
  <T> void step(Callable<T> work, Function<T, Command> done) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> Steps.call(work), blocking),
        (value, failure) -> failure == null ? done.apply(value) : new StepFailed(failure));
  }

  /** The connections are of no use any more; the source may open others. */
  void hangUp() {
    if (reception != null) {
      reception.hangUp();
    }
  }

  /** Where it listens, and for whom. */
  Reception reception() {
    return Objects.requireNonNull(reception);
  }

  void own(Reception listening) {
    reception = listening;
  }

  /** Connections that carry memory may begin: the guest's memory is there. */
  void receiveInto(GuestMemory memory, LongConsumer progress) {
    Objects.requireNonNull(reception).receiveInto(memory, agreed, progress);
  }

  /** Takes the memory of a slot, unless that is here: then the descriptor stays the caller's. */
  boolean own(int slot, OwnedFd memory) {
    return memoryFds.putIfAbsent(slot, memory) == null;
  }

  void own(Machine machine) {
    unadopted = machine;
  }

  /** The machine is another's from here on. */
  void disown() {
    unadopted = null;
  }

  /** The guest has its actor; or it could not be made, and {@link #tellVm} tells nobody. */
  void adopt(Vm.SessionReply reply) {
    if (reply instanceof Vm.Arriving arriving) {
      vm = arriving.vm();
      context.watchWith(arriving.vm(), new VmGone());
    }
  }

  void tellVm(Vm.Command command) {
    if (vm != null) {
      vm.tell(command);
    }
  }

  void agree(Extensions extensions) {
    agreed = extensions;
  }

  void name(String name) {
    vmName = name;
  }

  /** Whether the source may come back after its connections broke. */
  boolean recovers() {
    return agreed.has(Extension.RECOVERY) && resume.isIdentified();
  }

  /**
   * How long a source that owes pages may be silent; zero, for ever, where it could not come back
   * or might be throttled.
   */
  Duration sourceSilence() {
    return recovers() && agreed.has(Extension.HEARTBEAT) ? deadPeer : Duration.ZERO;
  }

  /** What the source hears then. */
  DestinationResume resume() {
    return resume;
  }

  /** What a crash must not forget of this. */
  DestinationRecords records() {
    return records;
  }

  /** How long to wait for it once the guest's place is decided. */
  Duration linger() {
    return linger;
  }

  ActorContext<Command> context() {
    return context;
  }

  String id() {
    return id;
  }

  ReceiveOptions options() {
    return options;
  }

  ArrivalGate gate() {
    return gate;
  }

  ActorRef<MigrationEvent> follower() {
    return follower;
  }

  Executor blocking() {
    return blocking;
  }

  DestinationFigures figures() {
    return figures;
  }

  DestinationFilling filling() {
    return filling;
  }

  DestinationEnding ending() {
    return ending;
  }

  Map<Integer, OwnedFd> memoryFds() {
    return memoryFds;
  }

  Extensions agreed() {
    return agreed;
  }

  /** Empty before Config. */
  String vmName() {
    return vmName;
  }
}
