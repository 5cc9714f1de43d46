package io.vmferry.actors.vm;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.kvm.VcpuState;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.streams.pages.DirtyPages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * One virtual machine: owns the machine, and as children one {@link Vcpu} per virtual CPU, one
 * {@link MemoryRegion} per memslot and at most one migration session.
 *
 * <p>States, drawn in docs/architecture.md: created, loading, starting, running, pausing, paused,
 * resuming, migrating (a session owns the guest and pauses, saves and resumes it), handedOver,
 * ended. A guest that arrives starts in {@code arriving} and goes on to migrating. A request that a
 * state does not take is answered {@link Rejected}; nothing changes then.
 */
public final class Vm {
  /** What a virtual machine is told. */
  public sealed interface Command {}

  /** A command that is answered, at the latest with {@link Rejected}. */
  public sealed interface Request extends Command {
    /** Who asked. */
    ActorRef<Reply> replyTo();
  }

  /** Loads the guest and runs it; from created. Answered {@link Described}. */
  public record Boot(ActorRef<Reply> replyTo) implements Request {}

  /** Takes every vCPU out of the guest; from running. Answered {@link Described}. */
  public record Pause(ActorRef<Reply> replyTo) implements Request {}

  /** Lets every vCPU run on; from paused. Answered {@link Described}. */
  public record Resume(ActorRef<Reply> replyTo) implements Request {}

  /**
   * Deletes what is left of a guest that has moved; answered as {@link Delete}, and {@link
   * Rejected} if it is here.
   */
  public record Forget(ActorRef<Reply> replyTo) implements Request {}

  /**
   * Takes a guest back of which nobody knows whether it runs elsewhere: the operator says that it
   * does not. If it does, it runs twice from here on. Answered {@link Described} or {@link
   * Rejected}.
   */
  public record TakeOver(ActorRef<Reply> replyTo) implements Request {}

  /** Answered {@link Described}, in every state. */
  public record Describe(ActorRef<Reply> replyTo) implements Request {}

  /** Answered {@link ConsoleText}, in every state. */
  public record ReadConsole(ActorRef<Reply> replyTo) implements Request {}

  /** Digests the memory of a paused guest. Answered {@link Digest}. */
  public record DigestMemory(ActorRef<Reply> replyTo) implements Request {}

  /** Ends the guest and frees what it holds; not while migrating. Answered {@link Done}. */
  public record Delete(ActorRef<Reply> replyTo) implements Request {}

  /**
   * Hands a running or paused guest to a new migration session, a child of this actor. Answered
   * {@link Done}.
   *
   * @param migrationId the session's name
   * @param session makes the session
   */
  public record StartMigration(
      String migrationId, Function<SessionSeed, Session<?>> session, ActorRef<Reply> replyTo)
      implements Request {}

  /**
   * A session's behavior, and what it is told on {@link CancelMigration}, {@link SwitchToPostcopy}
   * and {@link Recover}.
   */
  public record Session<S>(
      Behavior<S> behavior, S cancel, S switchToPostcopy, Function<ActorRef<Reply>, S> recover) {}

  /** What a session is made from. */
  public record SessionSeed(ActorRef<Command> vm, VmSpec spec, Machine machine, boolean running) {}

  /** Asks the session to give up. Answered {@link Done} when it was told, not when it ended. */
  public record CancelMigration(String migrationId, ActorRef<Reply> replyTo) implements Request {}

  /** Asks a hybrid session to end its rounds. Answered {@link Done} when it was told. */
  public record SwitchToPostcopy(String migrationId, ActorRef<Reply> replyTo) implements Request {}

  /**
   * Takes a migration up again that broke after the handover, at once; also one that was given up,
   * if the destination may still be asked. Answered {@link Done} once it goes on, or {@link
   * Rejected} with what is the case.
   */
  public record Recover(ActorRef<Reply> replyTo) implements Request {}

  // What a session tells the Vm that it owns. Only legal while migrating.

  /** Starts dirty logging on every region; answered {@link DirtyLogStarted}. */
  public record StartDirtyLog(ActorRef<SessionReply> replyTo) implements Command {}

  /** Reads and clears every dirty log; answered {@link DirtyCollected}. */
  public record CollectDirty(ActorRef<SessionReply> replyTo) implements Command {}

  /**
   * Keeps the vCPUs of a guest that runs here before it leaves out of it for a share of the time;
   * not answered. Pausing lifts it, and so does the session's end.
   *
   * @param percent 0, for not at all, to 99
   */
  public record ThrottleVcpus(int percent) implements Command {}

  /** Pauses the guest; answered {@link GuestPaused} at once if it is paused. */
  public record PauseForHandover(ActorRef<SessionReply> replyTo) implements Command {}

  /** Saves vCPUs, interrupt controllers, clock and devices; answered {@link GuestSaved}. */
  public record SaveState(ActorRef<SessionReply> replyTo) implements Command {}

  /** Runs a guest that has arrived; answered {@link GuestResumed}. */
  public record RunArrived(ActorRef<SessionReply> replyTo) implements Command {}

  /**
   * The session is over.
   *
   * @param again makes a session that takes the migration up again; null if that is of no use
   */
  public record SessionEnded(Outcome outcome, @Nullable Function<SessionSeed, Session<?>> again)
      implements Command {
    /** For good. */
    public SessionEnded(Outcome outcome) {
      this(outcome, null);
    }
  }

  /** How a session ended for this side's guest. */
  public enum Outcome {
    /** It stays: running again if it ran before. */
    STAYS,
    /** It arrived, and runs here. */
    STAYS_RUNNING,
    /** Here, but pages are missing that no longer come. */
    INCOMPLETE,
    /** It arrived, and waits here for a resume. */
    STAYS_PAUSED,
    /** It had arrived, and shall not run here. */
    DISCARDED,
    /** It runs elsewhere. */
    MOVED,
    /** Nobody here knows where it runs. */
    UNKNOWN
  }

  /** What a session hears. */
  public sealed interface SessionReply {}

  /** The guest that arrives has its actor; the first reply to {@link #arrive}. */
  public record Arriving(ActorRef<Command> vm) implements SessionReply {}

  /**
   * The guest, which waits for pages that do not come, is being deleted: nothing may keep its vCPUs
   * waiting any more.
   */
  public record Discarding() implements SessionReply {}

  /** Every region logs. */
  public record DirtyLogStarted() implements SessionReply {}

  /** The pages written since the last collection. */
  public record DirtyCollected(DirtyPages pages) implements SessionReply {}

  /** No vCPU runs an instruction. {@code sinceNanos} is when the pause began (System.nanoTime). */
  public record GuestPaused(long sinceNanos) implements SessionReply {}

  /** The whole state of the paused machine. */
  public record GuestSaved(MachineState state) implements SessionReply {}

  /** Every vCPU has entered the guest. */
  public record GuestResumed(long atNanos) implements SessionReply {}

  /** The guest or the kernel failed; the session must give up. */
  public record GuestFailed(String reason) implements SessionReply {}

  /** What a caller hears. */
  public sealed interface Reply {}

  /** Done; nothing more to say. */
  public record Done() implements Reply {}

  /** Refused, and nothing changed. {@code reason} is one sentence for the user. */
  public record Rejected(FailureCode code, String reason) implements Reply {}

  /** What the virtual machine says of itself. */
  public record Described(VmInfo info) implements Reply {}

  /** Serial output, oldest first. */
  public record ConsoleText(String text) implements Reply {}

  /** A memory digest, 16 hex digits. */
  public record Digest(String digest) implements Reply {}

  // From the vCPUs, the regions and this actor's own futures.

  record VcpuReady(int index) implements Command {}

  record VcpuRunning(int index) implements Command {}

  record VcpuPaused(int index) implements Command {}

  record VcpuSaved(int index, VcpuState state) implements Command {}

  record VcpuStopped(int index, String why) implements Command {}

  record VcpuFailed(int index, Exception cause) implements Command {}

  record VcpuEnded(int index) implements Command {}

  record RegionDirty(int slot, DirtyPages pages) implements Command {}

  record RegionLogging(int slot) implements Command {}

  record RegionFailed(int slot, Exception cause) implements Command {}

  record SessionDied() implements Command {}

  record Loaded(VcpuStart start, ActorRef<Reply> replyTo) implements Command {}

  record LoadFailed(Throwable cause, ActorRef<Reply> replyTo) implements Command {}

  record Released() implements Command {}

  record Digested(@Nullable String digest, @Nullable Throwable failure, ActorRef<Reply> replyTo)
      implements Command {}

  private final ActorContext<Command> context;
  private final VmSpec spec;
  private final Machine machine;
  private final Executor blocking;
  private final VcpuGroup vcpus = new VcpuGroup();
  private final VcpuThrottle throttle;
  private final List<ActorRef<MemoryRegion.Command>> regions = new ArrayList<>();
  private final EndingVm ending = new EndingVm(this);
  private @Nullable ActorRef<SessionReply> arrival;
  private @Nullable String migrationId;
  private @Nullable String detail;
  private int recoveries;

  private Vm(ActorContext<Command> context, VmSpec spec, Machine machine) {
    this.context = context;
    this.spec = spec;
    this.machine = machine;
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.throttle = new VcpuThrottle(spec.name());
    for (GuestRegion region : machine.memory().regions()) {
      regions.add(
          context.spawn(
              MemoryRegion.create(machine.kvm(), region, context.getSelf()),
              "region-" + region.slot()));
    }
  }

  /** A virtual machine that has not run yet; it owns {@code machine} from here on. */
  public static Behavior<Command> create(VmSpec spec, Machine machine) {
    return Behaviors.setup(context -> new Vm(context, spec, machine).created());
  }

  /**
   * A guest that arrives from another host; it owns {@code machine} from here on.
   *
   * @param state what the source saved
   * @param replyTo hears {@link Arriving}, then {@link GuestPaused} once the guest could run, or
   *     {@link GuestFailed}
   */
  public static Behavior<Command> arrive(
      VmSpec spec,
      Machine machine,
      String migrationId,
      MachineState state,
      ActorRef<SessionReply> replyTo) {
    return Behaviors.setup(
        context -> {
          Vm vm = new Vm(context, spec, machine);
          vm.arrival = replyTo;
          replyTo.tell(new Arriving(context.getSelf()));
          vm.migrationId = migrationId;
          vm.spawnVcpus(new VcpuStart.Restore(state.vcpus()));
          return vm.arriving(state, replyTo);
        });
  }

  private Behavior<Command> created() {
    return receive(LifeCycle.CREATED)
        .onMessage(Boot.class, this::load)
        .onMessage(Delete.class, ending::delete)
        .onAnyMessage(m -> refuse(LifeCycle.CREATED, m))
        .build();
  }

  private Behavior<Command> load(Boot boot) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(this::loadGuest, blocking),
        (start, failure) ->
            failure == null
                ? new Loaded(start, boot.replyTo())
                : new LoadFailed(failure, boot.replyTo()));
    return receive(LifeCycle.CREATED)
        .onMessage(Loaded.class, this::start)
        .onMessage(LoadFailed.class, this::onLoadFailed)
        .onAnyMessage(m -> refuse(LifeCycle.CREATED, m))
        .build();
  }

  private VcpuStart loadGuest() {
    return new VcpuStart.Boot(GuestImages.load(spec, machine.memory())::apply);
  }

  private Behavior<Command> onLoadFailed(LoadFailed failed) {
    String reason = reason(failed.cause());
    context.getLog().info("Guest of {} cannot be loaded: {}", spec.name(), reason);
    failed.replyTo().tell(new Rejected(FailureCode.INVALID_REQUEST, reason));
    return created();
  }

  private Behavior<Command> start(Loaded loaded) {
    spawnVcpus(loaded.start());
    return receive(LifeCycle.CREATED)
        .onMessage(
            VcpuReady.class,
            m -> vcpus.answered(m.index()) ? resume(loaded.replyTo()) : Behaviors.same())
        .onMessage(VcpuFailed.class, m -> failWhileAsked(m, loaded.replyTo()))
        .onAnyMessage(m -> refuse(LifeCycle.CREATED, m))
        .build();
  }

  private Behavior<Command> resume(ActorRef<Reply> replyTo) {
    vcpus.tell(new Vcpu.Run());
    return receive(LifeCycle.PAUSED)
        .onMessage(
            VcpuRunning.class,
            m ->
                vcpus.answered(m.index())
                    ? describeAs(running(), LifeCycle.RUNNING, replyTo)
                    : Behaviors.same())
        .onMessage(VcpuFailed.class, m -> failWhileAsked(m, replyTo))
        .onAnyMessage(m -> refuse(LifeCycle.PAUSED, m))
        .build();
  }

  private Behavior<Command> running() {
    return receive(LifeCycle.RUNNING)
        .onMessage(Pause.class, m -> pause(m.replyTo()))
        .onMessage(StartMigration.class, m -> startMigration(m, true))
        .onMessage(Delete.class, ending::delete)
        .onAnyMessage(m -> refuse(LifeCycle.RUNNING, m))
        .build();
  }

  private Behavior<Command> pause(ActorRef<Reply> replyTo) {
    vcpus.tell(new Vcpu.Pause());
    return receive(LifeCycle.RUNNING)
        .onMessage(
            VcpuPaused.class,
            m ->
                vcpus.answered(m.index())
                    ? describeAs(paused(), LifeCycle.PAUSED, replyTo)
                    : Behaviors.same())
        .onMessage(VcpuFailed.class, m -> failWhileAsked(m, replyTo))
        .onAnyMessage(m -> refuse(LifeCycle.RUNNING, m))
        .build();
  }

  private Behavior<Command> paused() {
    return receive(LifeCycle.PAUSED)
        .onMessage(Resume.class, m -> resume(m.replyTo()))
        .onMessage(DigestMemory.class, this::digest)
        .onMessage(StartMigration.class, m -> startMigration(m, false))
        .onMessage(Delete.class, ending::delete)
        .onAnyMessage(m -> refuse(LifeCycle.PAUSED, m))
        .build();
  }

  private Behavior<Command> startMigration(StartMigration request, boolean running) {
    migrationId = request.migrationId();
    SessionSeed seed = new SessionSeed(context.getSelf(), spec, machine, running);
    SessionControl session = spawn(request.migrationId(), request.session().apply(seed));
    request.replyTo().tell(new Done());
    return new MigratingVm(this, session, running).migrating(!running);
  }

  private <S> SessionControl spawn(String id, Session<S> session) {
    ActorRef<S> ref = context.spawn(session.behavior(), id);
    // A session ends with SessionEnded; one that dies without it must not take the guest along.
    context.watchWith(ref, new SessionDied());
    return new SessionControl(
        () -> ref.tell(session.cancel()),
        () -> ref.tell(session.switchToPostcopy()),
        replyTo -> ref.tell(session.recover().apply(replyTo)));
  }

  /**
   * A session that was given up goes on.
   *
   * @param ran whether the guest ran before it was handed over
   */
  Behavior<Command> recover(Recover request, Function<SessionSeed, Session<?>> again, boolean ran) {
    SessionSeed seed = new SessionSeed(context.getSelf(), spec, machine, ran);
    SessionControl session = spawn(migrationId + "-again-" + ++recoveries, again.apply(seed));
    session.recover().accept(request.replyTo());
    return MigratingVm.handedOver(this, session, ran);
  }

  private Behavior<Command> arriving(MachineState state, ActorRef<SessionReply> replyTo) {
    return receive(LifeCycle.MIGRATING)
        .onMessage(
            VcpuReady.class,
            m -> vcpus.answered(m.index()) ? arrived(state, replyTo) : Behaviors.same())
        .onMessage(VcpuFailed.class, m -> arrivalFailed(m.cause(), replyTo))
        .onMessage(SessionEnded.class, m -> discard())
        .onAnyMessage(m -> refuse(LifeCycle.MIGRATING, m))
        .build();
  }

  private Behavior<Command> arrived(MachineState state, ActorRef<SessionReply> replyTo) {
    try {
      machine.restore(state);
    } catch (IOException | IllegalArgumentException e) {
      return arrivalFailed(e, replyTo);
    }
    replyTo.tell(new GuestPaused(System.nanoTime()));
    return new MigratingVm(this, SessionControl.NONE, false).migrating(true);
  }

  private Behavior<Command> arrivalFailed(Exception cause, ActorRef<SessionReply> replyTo) {
    context.getLog().error("Guest {} cannot be restored", spec.name(), cause);
    replyTo.tell(new GuestFailed(reason(cause)));
    return Behaviors.stopped();
  }

  /**
   * The session gave the guest back.
   *
   * @param resume whether the vCPUs must be told to run again
   * @param runs whether the guest runs from here on
   */
  Behavior<Command> takeBack(boolean resume, boolean runs) {
    regions.forEach(region -> region.tell(new MemoryRegion.StopDirtyLog()));
    if (resume) {
      return resume(context.getSystem().ignoreRef());
    }
    return runs ? running() : paused();
  }

  /** A guest that arrived and was not wanted: its threads end, and this actor with them. */
  Behavior<Command> discard() {
    return ending.delete(new Delete(context.getSystem().ignoreRef()));
  }

  /** The guest is here and lacks pages that no longer come. */
  Behavior<Command> incomplete() {
    return ending.incomplete(arrival);
  }

  /**
   * The guest is elsewhere: only its memory is kept, until this actor is deleted.
   *
   * @param ran whether it ran before it was handed over
   * @param again takes the migration up again; null if that is of no use
   */
  Behavior<Command> givenAway(boolean ran, @Nullable Function<SessionSeed, Session<?>> again) {
    return ending.handedOver(ran, again);
  }

  /** The guest ended by itself, or failed; its memory and console can still be read. */
  Behavior<Command> ended(LifeCycle lifeCycle, String why) {
    detail = why;
    vcpus.tell(new Vcpu.Pause());
    return ending.kept(lifeCycle);
  }

  /**
   * Nobody knows whether the guest runs elsewhere.
   *
   * @param ran whether it ran before it was handed over
   * @param again takes the migration up again; null if that is of no use
   */
  Behavior<Command> unknown(boolean ran, @Nullable Function<SessionSeed, Session<?>> again) {
    return ending.unknown(ran, again);
  }

  /** The operator says that the guest does not run elsewhere. */
  Behavior<Command> takeOver(ActorRef<Reply> replyTo, boolean ran) {
    context.getLog().warn("Guest {} is taken over by the operator's word", spec.name());
    regions.forEach(region -> region.tell(new MemoryRegion.StopDirtyLog()));
    return ran ? resume(replyTo) : describeAs(paused(), LifeCycle.PAUSED, replyTo);
  }

  private Behavior<Command> failWhileAsked(VcpuFailed failed, ActorRef<Reply> replyTo) {
    String reason = reason(failed.cause());
    replyTo.tell(new Rejected(FailureCode.GUEST_FAILED, reason));
    context.getLog().error("vCPU {} of {} failed", failed.index(), spec.name(), failed.cause());
    return ended(LifeCycle.FAILED, reason);
  }

  Behavior<Command> digest(DigestMemory request) {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(this::memoryDigest, blocking),
        (digest, failure) -> new Digested(digest, failure, request.replyTo()));
    return Behaviors.same();
  }

  private String memoryDigest() {
    try {
      return MemoryDigests.text(MemoryDigest.of(machine.memory()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Behavior<Command> onDigested(Digested digested) {
    String digest = digested.digest();
    digested
        .replyTo()
        .tell(
            digest == null
                ? new Rejected(FailureCode.INTERNAL, "The guest's memory cannot be read.")
                : new Digest(digest));
    return Behaviors.same();
  }

  /** What every state answers alike. */
  BehaviorBuilder<Command> receive(LifeCycle lifeCycle) {
    return Behaviors.receive(Command.class)
        .onMessage(Describe.class, m -> describe(lifeCycle, m.replyTo()))
        .onMessage(ReadConsole.class, this::console)
        .onMessage(Digested.class, this::onDigested)
        .onSignal(PostStop.class, s -> release());
  }

  /**
   * What a state does with a command that it does not name: a caller hears why not, a session hears
   * that the guest is not there, reports of vCPUs and regions that are out of date are dropped.
   */
  Behavior<Command> refuse(LifeCycle lifeCycle, Command command) {
    if (command instanceof Request request) {
      String state = lifeCycle.name().toLowerCase(Locale.ROOT).replace('_', ' ');
      String what = command.getClass().getSimpleName();
      request
          .replyTo()
          .tell(
              new Rejected(
                  FailureCode.WRONG_STATE,
                  "VM " + spec.name() + " is " + state + " and cannot take " + what + " now."));
    } else if (command instanceof VcpuStopped stopped && lifeCycle != LifeCycle.STOPPED) {
      context.getLog().info("Guest {} ended: {}", spec.name(), stopped.why());
      return ended(LifeCycle.STOPPED, stopped.why());
    } else if (command instanceof VcpuFailed failed && lifeCycle != LifeCycle.FAILED) {
      context.getLog().error("vCPU {} of {} failed", failed.index(), spec.name(), failed.cause());
      return ended(LifeCycle.FAILED, reason(failed.cause()));
    } else if (command instanceof VcpuEnded gone) {
      // By a failure of its own: the end of the others is not to wait for it.
      boolean unused = vcpus.ended(gone.index());
    }
    return Behaviors.same();
  }

  private Behavior<Command> describe(LifeCycle lifeCycle, ActorRef<Reply> replyTo) {
    replyTo.tell(new Described(info(lifeCycle)));
    return Behaviors.same();
  }

  private Behavior<Command> describeAs(
      Behavior<Command> next, LifeCycle lifeCycle, ActorRef<Reply> replyTo) {
    replyTo.tell(new Described(info(lifeCycle)));
    return next;
  }

  private VmInfo info(LifeCycle lifeCycle) {
    return new VmInfo(
        spec, lifeCycle, Machine.HYPERVISOR, machine.console().report(), migrationId, detail);
  }

  private Behavior<Command> console(ReadConsole request) {
    request.replyTo().tell(new ConsoleText(machine.console().text()));
    return Behaviors.same();
  }

  /**
   * Frees the machine once no thread can be in it. The vCPU actors end their threads as they stop,
   * which happens before this signal; the machine waits for the threads themselves.
   */
  private Behavior<Command> release() {
    throttle.set(0);
    blocking.execute(machine::close);
    return Behaviors.same();
  }

  private void spawnVcpus(VcpuStart start) {
    for (int index = 0; index < spec.cpus(); index++) {
      vcpus.add(
          context.spawn(
              Vcpu.create(index, machine, start, throttle, context.getSelf()), "vcpu-" + index));
    }
  }

  static String reason(Throwable cause) {
    Throwable root =
        cause instanceof CompletionException && cause.getCause() != null ? cause.getCause() : cause;
    root = root instanceof UncheckedIOException && root.getCause() != null ? root.getCause() : root;
    String message = root.getMessage();
    return message == null ? root.getClass().getSimpleName() : message;
  }

  ActorContext<Command> context() {
    return context;
  }

  Executor blocking() {
    return blocking;
  }

  Machine machine() {
    return machine;
  }

  VcpuGroup vcpus() {
    return vcpus;
  }

  VcpuThrottle throttle() {
    return throttle;
  }

  List<ActorRef<MemoryRegion.Command>> regions() {
    return regions;
  }
}
