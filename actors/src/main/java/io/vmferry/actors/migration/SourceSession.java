package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.FromVm;
import io.vmferry.actors.migration.MigrationSource.LimitBandwidth;
import io.vmferry.actors.migration.MigrationSource.LimitDowntime;
import io.vmferry.actors.migration.MigrationSource.Recover;
import io.vmferry.actors.migration.MigrationSource.RoundSent;
import io.vmferry.actors.migration.MigrationSource.StepFailed;
import io.vmferry.actors.migration.MigrationSource.SwitchToPostcopy;
import io.vmferry.actors.migration.MigrationSource.Tick;
import io.vmferry.actors.ownership.Departure;
import io.vmferry.actors.ownership.Handover;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.MemoryDigests;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.RoundPlan;
import io.vmferry.streams.pages.StoppableRuns;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transfer.Throttle;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.MigrationKey;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.SharedKillSwitch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the phases of one {@link MigrationSource} share, and what its states handle alike.
 *
 * <p>The limits and the wish for postcopy are here because they may come in any state.
 */
final class SourceSession {
  private static final Logger LOG = LoggerFactory.getLogger(SourceSession.class);

  static final int MAX_FAULT_CONNECTIONS = 4;

  private final ActorContext<Command> context;
  private final String id;
  private final MigrationKey key;
  private final Duration recoveryPatience;
  private final Duration deadPeer;
  private final SendOptions options;
  private final Vm.SessionSeed seed;
  private final Departure departure;
  private final ActorRef<MigrationEvent> follower;
  private final ActorRef<Vm.SessionReply> fromVm;
  private final Executor blocking;
  private final SourceChannel channel;
  private final Throttle throttle;
  private final SharedKillSwitch killSwitch;
  private final SourceFigures figures = new SourceFigures();
  private final SourceEnding ending = new SourceEnding(this);
  private RoundPlan plan;
  private StoppableRuns runs = new StoppableRuns(Collections.emptyIterator());
  private boolean switchAsked;

  SourceSession(
      ActorContext<Command> context,
      String id,
      MigrationKey key,
      SendOptions options,
      Vm.SessionSeed seed,
      Departure departure,
      ActorRef<MigrationEvent> follower) {
    this.context = context;
    this.id = id;
    this.key = key;
    this.options = options;
    this.seed = seed;
    this.departure = departure;
    this.follower = follower;
    this.fromVm = context.messageAdapter(Vm.SessionReply.class, FromVm::new);
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    SessionTimeouts timeouts = SessionTimeouts.of(context.getSystem());
    this.channel =
        new SourceChannel(
            MigrationUrl.parse(options.destinationUrl()),
            options.tlsDir() == null ? null : Path.of(options.tlsDir()),
            timeouts.connect(),
            timeouts.answer());
    this.recoveryPatience = timeouts.recovery();
    this.deadPeer = timeouts.deadPeer();
    this.throttle = new Throttle(options.bandwidthBytesPerSecond());
    this.killSwitch = KillSwitches.shared(id);
    this.plan = new RoundPlan(options.downtime(), options.timeout(), options.timeoutStrategy());
  }

  /**
   * A state: what it handles itself, then what all states handle alike. Reports of steps that were
   * under way when the session turned elsewhere are dropped.
   */
  Behavior<Command> state(MigrationPhase phase, UnaryOperator<BehaviorBuilder<Command>> own) {
    return own.apply(Behaviors.receive(Command.class))
        .onMessage(Tick.class, m -> onTick(phase))
        .onMessage(StepFailed.class, m -> ending.failed(phase, m.cause()))
        .onMessage(SwitchToPostcopy.class, m -> onSwitchToPostcopy())
        .onMessage(Recover.class, m -> notBroken(m, phase))
        .onMessage(LimitBandwidth.class, this::onLimitBandwidth)
        .onMessage(LimitDowntime.class, this::onLimitDowntime)
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  private Behavior<Command> notBroken(Recover request, MigrationPhase phase) {
    request
        .replyTo()
        .tell(
            new Vm.Rejected(
                FailureCode.WRONG_STATE,
                "Migration "
                    + id
                    + " is not broken, it is in "
                    + phase.name().toLowerCase(Locale.ROOT)
                    + "."));
    return Behaviors.same();
  }

  private Behavior<Command> onTick(MigrationPhase phase) {
    tellProgress(phase);
    return Behaviors.same();
  }

  void tellProgress(MigrationPhase phase) {
    long total = memory().sizeBytes();
    follower.tell(
        new MigrationEvent.Progressed(
            figures.progress(
                id, spec().name(), phase, total, throttle.bytesPerSecond(), plan.downtime())));
  }

  private Behavior<Command> onLimitBandwidth(LimitBandwidth limit) {
    throttle.setBytesPerSecond(limit.bytesPerSecond());
    return Behaviors.same();
  }

  private Behavior<Command> onLimitDowntime(LimitDowntime limit) {
    plan = new RoundPlan(limit.downtime(), plan.timeout(), plan.strategy());
    return Behaviors.same();
  }

  private Behavior<Command> onStop() {
    channel.close();
    return Behaviors.same();
  }

  /** A round under way ends after the chunks under way; the last one, in the pause, does not. */
  Behavior<Command> onSwitchToPostcopy() {
    switchAsked = options.mode() == MemoryMode.HYBRID && seed.running();
    if (switchAsked) {
      runs.stop();
    }
    return Behaviors.same();
  }

  /** The runs of a new round, which the wish for postcopy stops. */
  Iterator<PageRun> stoppable(Iterator<PageRun> all) {
    runs = new StoppableRuns(all);
    if (switchAsked) {
      runs.stop();
    }
    return runs;
  }

  /** What the last round did not take because it was stopped. Any thread, once that has ended. */
  Iterator<PageRun> unsent() {
    return runs.rest();
  }

  /** Sends a round; answered {@link RoundSent} or {@link StepFailed}. */
  void sendRound(PrecopyRound round, List<Connection> connections) {
    context.pipeToSelf(
        new PrecopySender(Materializer.matFromSystem(context.getSystem()))
            .sendRound(round, memory(), connections, throttle, killSwitch, figures),
        (result, failure) -> failure == null ? new RoundSent(result) : new StepFailed(failure));
  }

  /** Does blocking work; its result comes as what {@code done} makes, or as StepFailed. */
  <T> void step(Callable<T> work, Function<T, Command> done) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> Steps.call(work), blocking),
        (value, failure) -> failure == null ? done.apply(value) : new StepFailed(failure));
  }

  /** Asks the Vm; answered {@link FromVm}. */
  void askVm(Function<ActorRef<Vm.SessionReply>, Vm.Command> question) {
    seed.vm().tell(question.apply(fromVm));
  }

  /**
   * Opens what the destination asks for pages on. Demands are small: a few connections keep the
   * answers of many vCPUs from queueing up. Blocking.
   */
  List<Connection> openFaultConnections() throws IOException {
    return channel.faultConnections(
        pushes() ? Math.min(options.connections(), MAX_FAULT_CONNECTIONS) : 1);
  }

  /** Whether the destination takes pages that it has not asked for. */
  boolean pushes() {
    return channel.agreed().has(Extension.PUSH);
  }

  /** Whether a broken connection can be replaced after the guest was handed over. */
  boolean recovers() {
    return channel.agreed().has(Extension.RECOVERY);
  }

  /** How long to try. */
  Duration recoveryPatience() {
    return recoveryPatience;
  }

  /** Within this time a dead destination is noticed. */
  Duration deadPeerTimeout() {
    return deadPeer;
  }

  /** Makes a session that takes this one up again once it was given up. */
  Function<Vm.SessionSeed, Vm.Session<?>> again(MigrationSource.Broken broken) {
    return anew ->
        MigrationSource.session(
            MigrationSource.again(id, options, anew, departure, follower, broken));
  }

  /** What the migration is known by; no log gets it. */
  MigrationKey key() {
    return key;
  }

  /** What the guest is for the destination; null for one that does not look. */
  @Nullable GuestIdentity identityThere() {
    return recovers() ? departure.next() : null;
  }

  /**
   * Prepares {@link #recordHandover}. Blocking.
   *
   * @param lacksPages whether the destination will need pages of this side
   */
  void prepareHandover(boolean lacksPages) throws IOException {
    if (!options.preserveSource()) {
      departure.prepare(handover(lacksPages));
    }
  }

  /**
   * Writes down that the destination may have the guest from now on; before Complete is sent.
   * Blocking.
   */
  void recordHandover(boolean lacksPages) throws IOException {
    if (!options.preserveSource()) {
      departure.handingOver(handover(lacksPages));
    }
  }

  private Handover handover(boolean lacksPages) {
    return new Handover(
        id, options.destinationUrl(), options.tlsDir(), recovers() ? key : null, lacksPages);
  }

  /**
   * Writes down what is known of the guest since. A crash before leaves that nobody knows, which is
   * safe. Any thread.
   */
  void record(RecordStep step) {
    blocking.execute(() -> recordNow(step));
  }

  /** The same at once. Blocking. */
  void recordNow(RecordStep step) {
    try {
      step.write(departure, id);
    } catch (IOException e) {
      LOG.error("Migration {}: its record cannot be written", id, e);
    }
  }

  /** What there is to write down of a migration. */
  @FunctionalInterface
  interface RecordStep {
    void write(Departure departure, String migrationId) throws IOException;
  }

  /** Blocking. */
  String memoryDigest() throws IOException {
    return MemoryDigests.text(MemoryDigest.of(memory()));
  }

  ActorContext<Command> context() {
    return context;
  }

  String id() {
    return id;
  }

  SendOptions options() {
    return options;
  }

  Vm.SessionSeed seed() {
    return seed;
  }

  VmSpec spec() {
    return seed.spec();
  }

  GuestMemory memory() {
    return seed.machine().memory();
  }

  ActorRef<MigrationEvent> follower() {
    return follower;
  }

  Executor blocking() {
    return blocking;
  }

  SourceChannel channel() {
    return channel;
  }

  Throttle throttle() {
    return throttle;
  }

  SharedKillSwitch killSwitch() {
    return killSwitch;
  }

  SourceFigures figures() {
    return figures;
  }

  SourceEnding ending() {
    return ending;
  }

  RoundPlan plan() {
    return plan;
  }

  boolean switchAsked() {
    return switchAsked;
  }
}
