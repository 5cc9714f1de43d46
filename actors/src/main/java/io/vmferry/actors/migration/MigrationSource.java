package io.vmferry.actors.migration;

import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.postcopy.FaultServer;
import io.vmferry.actors.vm.DirtyLogPeek;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.actors.vm.MemoryDigests;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.HybridPolicy;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.pages.RoundPlan;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.pages.StoppableRuns;
import io.vmferry.streams.pages.ThrottlePolicy;
import io.vmferry.streams.pages.TimeoutStrategy;
import io.vmferry.streams.transfer.DirtyAgain;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.PageEncoding;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transfer.RoundResult;
import io.vmferry.streams.transfer.Throttle;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.PeerRefusedException;
import java.io.IOException;
import java.time.Duration;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
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

/**
 * The source's side of one migration; a child of the {@link Vm} that owns the guest.
 *
 * <p>States, drawn in docs/architecture.md: preparing (connect, Start, descriptors, Config), rounds
 * (precopy while the guest runs), switchover (pause, last round, State), completing (Complete is
 * out), serving (postcopy), and the end. Until Complete is sent every failure and every cancel
 * leaves the guest on the source as it was. From then on only the destination's refusal brings it
 * back: a lost answer leaves it paused here, its location unknown.
 */
public final class MigrationSource {
  /** What a source session is told. */
  public sealed interface Command {}

  /** Gives up, while that is still possible; too late after Complete was sent. */
  public record Cancel() implements Command {}

  /** Changes the bandwidth limit, bytes per second over all connections; 0 is none. */
  public record LimitBandwidth(long bytesPerSecond) implements Command {}

  /** Changes the downtime budget. */
  public record LimitDowntime(Duration downtime) implements Command {}

  /**
   * Ends the rounds of a hybrid migration: the guest moves now, without what was not sent. Not
   * heeded in other modes, for a paused guest, or once it has been paused to move.
   */
  public record SwitchToPostcopy() implements Command {}

  record Prepared(List<Connection> connections) implements Command {
    /** Copies the list. */
    Prepared {
      connections = List.copyOf(connections);
    }
  }

  record FromVm(Vm.SessionReply reply) implements Command {}

  record RoundSent(RoundResult result) implements Command {}

  record PostcopyReady(List<Connection> faults, DirtyPages unsent) implements Command {
    /** Copies the list. */
    PostcopyReady {
      faults = List.copyOf(faults);
    }
  }

  record Discarded(DirtyPages pages) implements Command {}

  record StateAccepted() implements Command {}

  record Completed() implements Command {}

  record CompleteFailed(Throwable cause) implements Command {}

  record Digested(@Nullable String digest) implements Command {}

  record PushConnected(List<Connection> connections) implements Command {
    /** Copies the list. */
    PushConnected {
      connections = List.copyOf(connections);
    }
  }

  record PushFailed(Throwable cause) implements Command {}

  record FaultEvent(FaultServer.Event event) implements Command {}

  record Abandoned() implements Command {}

  record PatienceOver() implements Command {}

  record StepFailed(Throwable cause) implements Command {}

  record Tick() implements Command {}

  private static final Duration TICK = Duration.ofMillis(250);
  private static final int MAX_FAULT_CONNECTIONS = 4;
  private static final Duration ABANDON_PATIENCE = Duration.ofSeconds(2);

  private final ActorContext<Command> context;
  private final String id;
  private final VmSpec spec;
  private final SendOptions options;
  private final Vm.SessionSeed seed;
  private final ActorRef<MigrationEvent> follower;
  private final ActorRef<Vm.SessionReply> fromVm;
  private final Executor blocking;
  private final SourceChannel channel;
  private final Throttle throttle;
  private final SharedKillSwitch killSwitch;
  private final SourceFigures figures = new SourceFigures();
  private PageEncoding encoding = PageEncoding.plain();
  private RoundPlan plan;
  private ThrottlePolicy vcpuThrottle = ThrottlePolicy.NONE;
  private HybridPolicy hybrid;
  private StoppableRuns runs = new StoppableRuns(Collections.emptyIterator());
  private boolean switchAsked;
  // Whether the destination runs the guest before it has all of its memory.
  private boolean postcopy;
  private @Nullable DirtyPages discarded;
  private List<Connection> faults = List.of();
  private @Nullable ActorRef<FaultServer.Command> faultServer;

  private MigrationSource(
      ActorContext<Command> context,
      String id,
      SendOptions options,
      Vm.SessionSeed seed,
      ActorRef<MigrationEvent> follower) {
    this.context = context;
    this.id = id;
    this.spec = seed.spec();
    this.options = options;
    this.seed = seed;
    this.follower = follower;
    this.fromVm = context.messageAdapter(Vm.SessionReply.class, FromVm::new);
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    SessionTimeouts timeouts = SessionTimeouts.of(context.getSystem());
    this.channel =
        new SourceChannel(
            MigrationUrl.parse(options.destinationUrl()), timeouts.connect(), timeouts.answer());
    this.throttle = new Throttle(options.bandwidthBytesPerSecond());
    this.killSwitch = KillSwitches.shared(id);
    this.plan = new RoundPlan(options.downtime(), options.timeout(), options.timeoutStrategy());
    this.hybrid = new HybridPolicy(seed.machine().memory().sizeBytes());
    this.postcopy = options.mode() == MemoryMode.POSTCOPY;
  }

  /**
   * A session that sends the guest at once.
   *
   * @param follower hears progress about four times a second, then exactly one ending
   */
  public static Behavior<Command> create(
      String id, SendOptions options, Vm.SessionSeed seed, ActorRef<MigrationEvent> follower) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), TICK);
                  return new MigrationSource(context, id, options, seed, follower).prepare();
                }));
  }

  // Preparing: connect, Start, descriptors or connections, Config.

  private Behavior<Command> prepare() {
    context.getLog().info("Migration {} of {} to {}", id, spec.name(), options.destinationUrl());
    step(this::connectAndConfigure, Prepared::new);
    return state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(Prepared.class, this::onPrepared)
                .onMessage(Cancel.class, m -> failed(MigrationPhase.PREPARING, cancellation())));
  }

  private List<Connection> connectAndConfigure() throws IOException {
    channel.start(options.extensions() ? Extensions.known() : Extensions.NONE);
    if (options.mode() == MemoryMode.HYBRID && !channel.agreed().has(Extension.HYBRID)) {
      throw new MigrationException(
          FailureCode.INVALID_REQUEST,
          "The destination does not take hybrid migrations; let it receive with"
              + " memory_mode=hybrid, and with extensions on both sides.");
    }
    if (options.mode() == MemoryMode.LOCAL) {
      for (GuestRegion region : seed.machine().memory().regions()) {
        channel.memoryFd(region.slot(), region.memfd().fd());
      }
    }
    channel.config(MachineConfig.json(spec, seed.machine()).asByteBuffer());
    return switch (options.mode()) {
      case PRECOPY, HYBRID -> channel.memoryConnections(options.connections());
      // Now, while the guest still runs here: State must not wait for them.
      case POSTCOPY -> channel.faultConnections(faultConnections());
      case LOCAL -> List.of();
    };
  }

  private Behavior<Command> onPrepared(Prepared prepared) {
    if (!hasRounds()) {
      faults = prepared.connections();
      return pause(List.of(), DirtyPages.NONE);
    }
    if (!seed.running()) {
      return firstRound(prepared.connections());
    }
    seed.vm().tell(new Vm.StartDirtyLog(fromVm));
    return state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromVm.class, m -> onDirtyLogStarted(m, prepared.connections()))
                .onMessage(Cancel.class, m -> giveUp(MigrationPhase.PRECOPY, cancellation())));
  }

  private boolean hasRounds() {
    return options.mode() == MemoryMode.PRECOPY || options.mode() == MemoryMode.HYBRID;
  }

  private Behavior<Command> onDirtyLogStarted(FromVm m, List<Connection> memory) {
    return m.reply() instanceof Vm.DirtyLogStarted
        ? firstRound(memory)
        : guestFailed(m.reply(), MigrationPhase.PRECOPY);
  }

  // Rounds: everything, then what was written meanwhile, until the rest fits the downtime budget.

  private Behavior<Command> firstRound(List<Connection> memory) {
    encoding = PageEncoding.of(channel.agreed(), options.compression());
    figures.beginRound(seed.machine().memory().sizeBytes());
    sendRound(new SnapshotRuns(seed.machine().memory()), encoding.withoutZeros(), memory);
    return round(memory);
  }

  private Behavior<Command> nextRound(DirtyPages dirty, List<Connection> memory) {
    figures.beginRound(dirty.bytes());
    sendRound(dirty.runs(), encoding, memory);
    return round(memory);
  }

  private Behavior<Command> round(List<Connection> memory) {
    return state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(RoundSent.class, m -> onRoundSent(m, memory))
                .onMessage(Cancel.class, m -> giveUpInRound(MigrationPhase.PRECOPY, cancellation()))
                .onMessage(Tick.class, m -> onTickInRound()));
  }

  private Behavior<Command> onTickInRound() {
    tellProgress(MigrationPhase.PRECOPY);
    boolean over = plan.isTimeOver(figures.elapsed());
    if (over && options.mode() == MemoryMode.HYBRID) {
      return onSwitchToPostcopy();
    }
    if (over && plan.strategy() == TimeoutStrategy.CANCEL) {
      return giveUpInRound(MigrationPhase.PRECOPY, notConverged());
    }
    return Behaviors.same();
  }

  private Behavior<Command> onRoundSent(RoundSent m, List<Connection> memory) {
    figures.endRound(m.result().bytes(), m.result().elapsedNanos());
    context.getLog().debug("Migration {} round {}: {}", id, figures.round(), m.result());
    if (!seed.running()) {
      return pause(memory, DirtyPages.NONE);
    }
    if (switchAsked) {
      return preparePostcopy(memory, DirtyPages.NONE);
    }
    seed.vm().tell(new Vm.CollectDirty(fromVm));
    return state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromVm.class, r -> onDirtyCollected(r, memory))
                .onMessage(Cancel.class, r -> giveUp(MigrationPhase.PRECOPY, cancellation())));
  }

  private Behavior<Command> onDirtyCollected(FromVm m, List<Connection> memory) {
    if (!(m.reply() instanceof Vm.DirtyCollected collected)) {
      return guestFailed(m.reply(), MigrationPhase.PRECOPY);
    }
    DirtyPages dirty = collected.pages();
    figures.dirtied(dirty.bytes());
    Duration expected =
        figures.expectedDowntime(dirty.bytes(), throttle.bytesPerSecond(), plan.downtime());
    if (options.mode() == MemoryMode.HYBRID) {
      return onRoundOfHybrid(memory, dirty, plan.fits(dirty.bytes(), expected));
    }
    return switch (plan.decide(dirty.bytes(), expected, figures.elapsed())) {
      case ANOTHER_ROUND -> {
        slowDown(dirty.bytes());
        yield nextRound(dirty, memory);
      }
      case SWITCH_OVER -> pause(memory, dirty);
      case CANCEL -> giveUp(MigrationPhase.PRECOPY, notConverged());
    };
  }

  /** Hybrid slows no guest down, and runs out of no time: it switches. */
  private Behavior<Command> onRoundOfHybrid(
      List<Connection> memory, DirtyPages dirty, boolean fits) {
    if (fits) {
      return pause(memory, dirty);
    }
    if (switchAsked || hybrid.gainsTooLittle(dirty.bytes()) || plan.isTimeOver(figures.elapsed())) {
      return preparePostcopy(memory, dirty);
    }
    hybrid = new HybridPolicy(dirty.bytes());
    return nextRound(dirty, memory);
  }

  /** A round under way ends after the chunks under way; the last one, in the pause, does not. */
  private Behavior<Command> onSwitchToPostcopy() {
    switchAsked = options.mode() == MemoryMode.HYBRID && seed.running();
    if (switchAsked) {
      runs.stop();
    }
    return Behaviors.same();
  }

  /** Connects, and finds out what a stopped round has not sent, while the guest still runs. */
  private Behavior<Command> preparePostcopy(List<Connection> memory, DirtyPages dirty) {
    step(
        () ->
            new PostcopyReady(
                channel.faultConnections(faultConnections()),
                DirtyPages.of(seed.machine().memory().regions(), runs.rest()).or(dirty)),
        ready -> ready);
    return state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(PostcopyReady.class, m -> onPostcopyReady(m, memory))
                .onMessage(Cancel.class, m -> failed(MigrationPhase.PRECOPY, cancellation())));
  }

  private Behavior<Command> onPostcopyReady(PostcopyReady ready, List<Connection> memory) {
    context.getLog().info("Migration {}: postcopy after round {}", id, figures.round());
    faults = ready.faults();
    postcopy = true;
    return pause(memory, ready.unsent());
  }

  /**
   * Slows a guest down that dirties memory faster than it is sent; the Vm lifts that at the end.
   */
  private void slowDown(long dirtiedBytes) {
    if (!options.autoConverge()) {
      return;
    }
    ThrottlePolicy next = vcpuThrottle.afterRound(figures.lastRoundBytes(), dirtiedBytes);
    if (next.percent() != vcpuThrottle.percent()) {
      context
          .getLog()
          .info("Migration {}: {} is throttled by {} %", id, spec.name(), next.percent());
      seed.vm().tell(new Vm.ThrottleVcpus(next.percent()));
      figures.throttled(next.percent());
    }
    vcpuThrottle = next;
  }

  private MigrationException notConverged() {
    return new MigrationException(
        FailureCode.NOT_CONVERGED,
        "Precopy did not converge within "
            + options.timeout().toSeconds()
            + " s: the guest dirties memory faster than it can be sent.");
  }

  // Switchover: pause, the last round, State.

  private Behavior<Command> pause(List<Connection> memory, DirtyPages dirty) {
    seed.vm().tell(new Vm.PauseForHandover(fromVm));
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onPaused(m, memory, dirty))
                .onMessage(Cancel.class, m -> giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onPaused(FromVm m, List<Connection> memory, DirtyPages dirty) {
    if (!(m.reply() instanceof Vm.GuestPaused paused)) {
      return guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    figures.paused(paused.sinceNanos());
    if (!hasRounds() || !seed.running()) {
      return saveState();
    }
    seed.vm().tell(new Vm.CollectDirty(fromVm));
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, r -> onLastDirty(r, memory, dirty))
                .onMessage(Cancel.class, r -> giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onLastDirty(FromVm m, List<Connection> memory, DirtyPages before) {
    if (!(m.reply() instanceof Vm.DirtyCollected dirty)) {
      return guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    DirtyPages rest = before.or(dirty.pages());
    if (postcopy) {
      return discard(rest.rounded(seed.machine().memory().pageSize().bytes()));
    }
    figures.beginRound(rest.bytes());
    sendRound(new PrecopyRound(rest.runs(), encoding, DirtyAgain.NEVER), memory);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(RoundSent.class, this::onLastRoundSent)
                .onMessage(
                    Cancel.class, r -> giveUpInRound(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onLastRoundSent(RoundSent m) {
    figures.endRound(m.result().bytes(), m.result().elapsedNanos());
    return saveState();
  }

  private Behavior<Command> discard(DirtyPages pages) {
    if (pages.isEmpty()) {
      // Nothing was written since: the destination has all, and opens no fault for it.
      postcopy = false;
      return saveState();
    }
    step(
        () -> {
          channel.discard(pages);
          return new Discarded(pages);
        },
        done -> done);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Discarded.class, this::onDiscarded)
                .onMessage(Cancel.class, m -> failed(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onDiscarded(Discarded m) {
    discarded = m.pages();
    return saveState();
  }

  private Behavior<Command> saveState() {
    seed.vm().tell(new Vm.SaveState(fromVm));
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, this::onSaved)
                .onMessage(Cancel.class, m -> giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onSaved(FromVm m) {
    if (!(m.reply() instanceof Vm.GuestSaved saved)) {
      return guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    if (options.mode() == MemoryMode.LOCAL && options.verify()) {
      // The memory is shared: once the destination runs, the digest of the switchover is gone.
      step(this::digest, Digested::new);
      return state(
          MigrationPhase.SWITCHOVER,
          on ->
              on.onMessage(Digested.class, d -> sendState(saved, d.digest()))
                  .onMessage(Cancel.class, d -> giveUp(MigrationPhase.SWITCHOVER, cancellation())));
    }
    return sendState(saved, null);
  }

  private Behavior<Command> sendState(Vm.GuestSaved saved, @Nullable String digest) {
    if (postcopy) {
      serveFaults();
    }
    return sendState(saved.state(), digest);
  }

  /** Demands are small: a few connections keep the answers of many vCPUs from queueing up. */
  private int faultConnections() {
    return pushes() ? Math.min(options.connections(), MAX_FAULT_CONNECTIONS) : 1;
  }

  private boolean pushes() {
    return channel.agreed().has(Extension.PUSH);
  }

  /** The server must answer before State makes the destination ask. */
  private void serveFaults() {
    ActorRef<FaultServer.Event> events =
        context.messageAdapter(FaultServer.Event.class, FaultEvent::new);
    GuestMemory memory = seed.machine().memory();
    DirtyPages missing = discarded;
    PresentBitmap served =
        missing == null
            ? FaultServing.servedPages(memory)
            : FaultServing.servedPages(memory, missing);
    figures.beginPostcopy(missing == null ? memory.sizeBytes() : missing.bytes());
    faultServer =
        context.spawn(
            FaultServer.create(faults, memory, served, channel.agreed(), throttle, figures, events),
            "fault-server");
  }

  private Behavior<Command> sendState(MachineState saved, @Nullable String digest) {
    step(
        () -> {
          channel.state(saved.json().asByteBuffer());
          return new StateAccepted();
        },
        accepted -> accepted);
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(StateAccepted.class, m -> complete(digest))
                .onMessage(FaultEvent.class, m -> onEarlyFaultEvent(m.event()))
                .onMessage(Cancel.class, m -> failed(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onEarlyFaultEvent(FaultServer.Event event) {
    return event instanceof FaultServer.Broken broken
        ? failed(MigrationPhase.SWITCHOVER, broken.cause())
        : Behaviors.same();
  }

  // Completing: from here on only a refusal brings the guest back.

  private Behavior<Command> complete(@Nullable String digest) {
    context.pipeToSelf(
        CompletableFuture.runAsync(
            () -> Steps.run(() -> channel.complete(!seed.running())), blocking),
        (done, failure) ->
            failure == null ? new Completed() : new CompleteFailed(Failures.root(failure)));
    return completing(digest, null);
  }

  private Behavior<Command> completing(@Nullable String digest, FaultServer.@Nullable Event early) {
    return state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Completed.class, m -> onCompleted(digest, early))
                .onMessage(CompleteFailed.class, m -> onCompleteFailed(m.cause()))
                // A fast destination may have fetched everything before its answer is read here.
                .onMessage(FaultEvent.class, m -> completing(digest, m.event()))
                // Too late: the destination may run the guest already.
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private Behavior<Command> onCompleteFailed(Throwable cause) {
    if (cause instanceof PeerRefusedException) {
      return failed(MigrationPhase.SWITCHOVER, cause);
    }
    channel.close();
    context.getLog().error("Migration {}: the answer to Complete was lost", id, cause);
    seed.vm().tell(new Vm.SessionEnded(Vm.Outcome.UNKNOWN));
    return end(
        failure(
            Failures.code(cause),
            MigrationPhase.SWITCHOVER,
            "The guest was handed over and the answer was lost: " + Failures.sentence(cause),
            GuestLocation.UNKNOWN,
            true));
  }

  private Behavior<Command> onCompleted(
      @Nullable String digest, FaultServer.@Nullable Event early) {
    figures.resumed();
    context.getLog().info("Migration {}: {} is on the destination", id, spec.name());
    if (postcopy) {
      return early == null ? serving() : onFaultEvent(early);
    }
    return digest == null ? verify() : moved(digest);
  }

  // Serving: the guest runs on the destination and fetches its pages.

  private Behavior<Command> serving() {
    if (pushes()) {
      openPushConnections();
    }
    return state(
        MigrationPhase.POSTCOPY,
        on ->
            on.onMessage(FaultEvent.class, m -> onFaultEvent(m.event()))
                .onMessage(PushConnected.class, this::onPushConnected)
                .onMessage(PushFailed.class, m -> postcopyBroke(m.cause()))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  /** Only now: until the guest runs on the destination, pushing would lengthen its pause. */
  private void openPushConnections() {
    int number =
        Math.min(options.connections(), SendOptions.MAX_CONNECTIONS - MAX_FAULT_CONNECTIONS);
    context.pipeToSelf(
        CompletableFuture.supplyAsync(
            () -> Steps.call(() -> channel.pushConnections(number)), blocking),
        (opened, failure) ->
            failure == null ? new PushConnected(opened) : new PushFailed(Failures.root(failure)));
  }

  private Behavior<Command> onPushConnected(PushConnected pushConnected) {
    Objects.requireNonNull(faultServer).tell(new FaultServer.Push(pushConnected.connections()));
    return Behaviors.same();
  }

  private Behavior<Command> onFaultEvent(FaultServer.Event event) {
    if (event instanceof FaultServer.Drained) {
      figures.full();
      return verify();
    }
    return postcopyBroke(((FaultServer.Broken) event).cause());
  }

  private Behavior<Command> postcopyBroke(Throwable cause) {
    channel.close();
    context.getLog().error("Migration {}: postcopy broke", id, cause);
    seed.vm().tell(new Vm.SessionEnded(Vm.Outcome.MOVED));
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

  // The end.

  /** The memory here is frozen: digesting it costs the guest nothing. */
  private Behavior<Command> verify() {
    if (!options.verify()) {
      return moved(null);
    }
    step(this::digest, Digested::new);
    return state(
        MigrationPhase.ENDED,
        on ->
            on.onMessage(Digested.class, m -> moved(m.digest()))
                .onMessage(StepFailed.class, m -> moved(null))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private String digest() throws IOException {
    return MemoryDigests.text(MemoryDigest.of(seed.machine().memory()));
  }

  private Behavior<Command> moved(@Nullable String digest) {
    channel.close();
    seed.vm().tell(new Vm.SessionEnded(Vm.Outcome.MOVED));
    return end(
        new MigrationEvent.Finished(
            figures.summary(id, spec, options.mode(), digest, !seed.running())));
  }

  /** Ends the round after the chunks under way, so that Abandon finds the connection idle. */
  private Behavior<Command> giveUpInRound(MigrationPhase phase, MigrationException cause) {
    killSwitch.abort(cause);
    context.scheduleOnce(ABANDON_PATIENCE, context.getSelf(), new PatienceOver());
    return state(
        phase,
        on ->
            on.onMessage(RoundSent.class, m -> giveUp(phase, cause))
                .onMessage(StepFailed.class, m -> giveUp(phase, cause))
                .onMessage(PatienceOver.class, m -> failed(phase, cause))
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  /** Sends Abandon on a main connection that is between two commands. */
  private Behavior<Command> giveUp(MigrationPhase phase, MigrationException cause) {
    context.pipeToSelf(
        CompletableFuture.runAsync(
            () -> Steps.run(() -> channel.abandon(ABANDON_PATIENCE)), blocking),
        (done, failure) -> new Abandoned());
    return state(
        phase,
        on ->
            on.onMessage(Abandoned.class, m -> failed(phase, cause))
                .onMessage(FromVm.class, m -> Behaviors.same())
                .onMessage(Cancel.class, m -> Behaviors.same()));
  }

  private static MigrationException cancellation() {
    return new MigrationException(FailureCode.CANCELLED, "The migration was cancelled.");
  }

  private Behavior<Command> guestFailed(Vm.SessionReply reply, MigrationPhase phase) {
    String why =
        reply instanceof Vm.GuestFailed failed
            ? failed.reason()
            : "The VM answered " + reply.getClass().getSimpleName() + " out of turn.";
    return failed(phase, new MigrationException(FailureCode.GUEST_FAILED, why));
  }

  /** Before Complete was sent: the guest stays here as it was. */
  private Behavior<Command> failed(MigrationPhase phase, Throwable cause) {
    killSwitch.abort(cause);
    channel.close();
    context.getLog().info("Migration {} stopped: {}", id, Failures.sentence(cause));
    seed.vm().tell(new Vm.SessionEnded(Vm.Outcome.STAYS));
    return end(
        failure(
            Failures.code(cause),
            phase,
            Failures.sentence(cause),
            GuestLocation.SOURCE,
            !seed.running()));
  }

  private MigrationEvent failure(
      FailureCode code,
      MigrationPhase phase,
      String reason,
      GuestLocation location,
      boolean paused) {
    return new MigrationEvent.Failed(
        new MigrationFailure(id, spec.name(), code, phase, reason, location, paused));
  }

  private Behavior<Command> end(MigrationEvent event) {
    follower.tell(event);
    return Behaviors.stopped();
  }

  /** A round that is not the last, if the guest runs. */
  private void sendRound(Iterator<PageRun> all, PageEncoding encoding, List<Connection> memory) {
    runs = new StoppableRuns(all);
    if (switchAsked) {
      runs.stop();
    }
    DirtyAgain dirtyAgain = seed.running() ? new DirtyLogPeek(seed.machine()) : DirtyAgain.NEVER;
    sendRound(new PrecopyRound(runs, encoding, dirtyAgain), memory);
  }

  private void sendRound(PrecopyRound round, List<Connection> memory) {
    context.pipeToSelf(
        new PrecopySender(Materializer.matFromSystem(context.getSystem()))
            .sendRound(round, seed.machine().memory(), memory, throttle, killSwitch, figures),
        (result, failure) -> failure == null ? new RoundSent(result) : new StepFailed(failure));
  }

  private <T> void step(Callable<T> work, Function<T, Command> done) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> Steps.call(work), blocking),
        (value, failure) -> failure == null ? done.apply(value) : new StepFailed(failure));
  }

  private void tellProgress(MigrationPhase phase) {
    long total = seed.machine().memory().sizeBytes();
    follower.tell(
        new MigrationEvent.Progressed(
            figures.progress(
                id, spec.name(), phase, total, throttle.bytesPerSecond(), plan.downtime())));
  }

  /**
   * A state: what it handles itself, then what all states handle alike. Reports of steps that were
   * under way when the session turned elsewhere are dropped.
   */
  private Behavior<Command> state(
      MigrationPhase phase, UnaryOperator<BehaviorBuilder<Command>> own) {
    return own.apply(Behaviors.receive(Command.class))
        .onMessage(Tick.class, m -> onTick(phase))
        .onMessage(StepFailed.class, m -> failed(phase, m.cause()))
        .onMessage(SwitchToPostcopy.class, m -> onSwitchToPostcopy())
        .onMessage(LimitBandwidth.class, this::onLimitBandwidth)
        .onMessage(LimitDowntime.class, this::onLimitDowntime)
        .onAnyMessage(m -> Behaviors.same())
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  private Behavior<Command> onTick(MigrationPhase phase) {
    tellProgress(phase);
    return Behaviors.same();
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
}
