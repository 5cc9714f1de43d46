package io.vmferry.actors;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.machine.MemoryBudget;
import io.vmferry.actors.migration.ArrivalGate;
import io.vmferry.actors.migration.DestinationWitness;
import io.vmferry.actors.migration.Failures;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationDestination;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationIds;
import io.vmferry.actors.migration.MigrationSource;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.ownership.ArrivalRecord;
import io.vmferry.actors.ownership.GuestRecord;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.GuestIdentity;
import io.vmferry.actors.vm.Vm;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.KvmSystem;
import io.vmferry.kvm.memory.GuestMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * The virtual machines of one process and their migrations: the root of the actor API.
 *
 * <p>One state. Every command is answered, at the latest with {@link Rejected}; nothing changes
 * then. Virtual machines and receiving sessions are its children; a sending session is a child of
 * its virtual machine. A guest that has moved away is forgotten here once its session ended.
 */
public final class VmHost {
  /** What the host is asked. */
  public sealed interface Command {}

  /** Creates a virtual machine; answered {@link Described} or {@link Rejected}. */
  public record CreateVm(VmSpec spec, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Boots, pauses, resumes or deletes one; answered {@link Described}, {@link Done} (delete) or
   * {@link Rejected}.
   */
  public record ChangeVm(String name, Change change, ActorRef<Reply> replyTo) implements Command {}

  /** What {@link ChangeVm} does. */
  public enum Change {
    BOOT,
    PAUSE,
    RESUME,
    /** Of a guest of which nobody knows where it runs; see {@link Vm.TakeOver}. */
    TAKE_OVER,
    /** Of a migration that broke after the handover; see {@link Vm.Recover}. */
    RECOVER,
    DELETE
  }

  /** Describes one; answered {@link Described} or {@link Rejected}. */
  public record DescribeVm(String name, ActorRef<Reply> replyTo) implements Command {}

  /** Lists all, by name; answered {@link Listed}. */
  public record ListVms(ActorRef<Reply> replyTo) implements Command {}

  /** The last serial output of one; answered {@link ConsoleText} or {@link Rejected}. */
  public record ReadConsole(String name, ActorRef<Reply> replyTo) implements Command {}

  /** The digest of a paused guest's memory; answered {@link Digest} or {@link Rejected}. */
  public record DigestVm(String name, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Sends a guest to another host. Answered {@link MigrationStarted} or {@link Rejected}; the
   * follower then hears progress and exactly one ending.
   */
  public record SendVm(
      String name, SendOptions options, ActorRef<MigrationEvent> follower, ActorRef<Reply> replyTo)
      implements Command {}

  /**
   * Waits for a guest. Answered {@link MigrationStarted} with the address bound, or {@link
   * Rejected}; the follower then hears progress and exactly one ending.
   */
  public record ReceiveVm(
      ReceiveOptions options, ActorRef<MigrationEvent> follower, ActorRef<Reply> replyTo)
      implements Command {}

  /** Cancels a session of either side; answered {@link Done} or {@link Rejected}. */
  public record CancelMigration(String migrationId, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Ends the rounds of a hybrid migration that leaves: the guest moves at once, and what was not
   * sent follows. Answered {@link Done} when the session was told, or {@link Rejected}.
   */
  public record SwitchToPostcopy(String migrationId, ActorRef<Reply> replyTo) implements Command {}

  /** What the host answers. */
  public sealed interface Reply {}

  /** Done; nothing more to say. */
  public record Done() implements Reply {}

  /** Refused, and nothing changed. {@code reason} is one sentence for the user. */
  public record Rejected(FailureCode code, String reason) implements Reply {}

  /** One virtual machine. */
  public record Described(VmInfo vm) implements Reply {}

  /** Every virtual machine, by name. */
  public record Listed(List<VmInfo> vms) implements Reply {
    /** Copies the list. */
    public Listed {
      vms = List.copyOf(vms);
    }
  }

  /** Serial output, oldest first. */
  public record ConsoleText(String text) implements Reply {}

  /** A memory digest, 16 hex digits. */
  public record Digest(String digest) implements Reply {}

  /** A session runs. {@code url} is the address bound (destination) or dialled (source). */
  public record MigrationStarted(String migrationId, String url) implements Reply {}

  record Built(
      VmSpec spec, @Nullable Machine machine, @Nullable Throwable failure, ActorRef<Reply> replyTo)
      implements Command {}

  record Deleted(String name, ActorRef<Vm.Command> vm, Vm.Reply reply, ActorRef<Reply> replyTo)
      implements Command {}

  record Answered(Vm.Reply reply, ActorRef<Reply> replyTo) implements Command {}

  record SendStarted(String migrationId, String url, Vm.Reply reply, ActorRef<Reply> replyTo)
      implements Command {}

  record Forgotten(String name, Vm.Reply reply, ActorRef<Reply> replyTo) implements Command {}

  record TakenOver(String name, Vm.Reply reply, ActorRef<Reply> replyTo) implements Command {}

  record Recovered(ActorRef<Vm.Command> vm, Vm.Reply reply, ActorRef<Reply> replyTo)
      implements Command {}

  record Reserve(
      String name, @Nullable GuestIdentity identity, String migrationId, ActorRef<Boolean> replyTo)
      implements Command {}

  record Admit(
      VmSpec spec,
      Machine machine,
      String migrationId,
      MachineState state,
      ActorRef<Vm.SessionReply> session)
      implements Command {}

  record VmGone(String name, ActorRef<Vm.Command> vm) implements Command {}

  record ReceiverGone(String migrationId) implements Command {}

  record SessionEvent(MigrationEvent event) implements Command {}

  /**
   * A migration under way here, or one that may be taken up again: who follows it, and who steers
   * it.
   *
   * @param departing the virtual machine that leaves; null for one that arrives
   */
  private record Session(
      ActorRef<MigrationEvent> follower,
      @Nullable String departing,
      Consumer<ActorRef<Reply>> cancel,
      Consumer<ActorRef<Reply>> switchToPostcopy) {}

  // Every question to a Vm is answered within a pause; longer means a vCPU that cannot leave the
  // guest, such as one that waits for a page from a lost source.
  private static final Duration ASK_TIMEOUT = Duration.ofSeconds(30);
  private static final Vm.Reply SILENT =
      new Vm.Rejected(
          FailureCode.INTERNAL,
          "The VM did not answer within 30 s; one of its vCPUs may wait for memory.");

  private static final Vm.Reply STILL_TRYING =
      new Vm.Rejected(
          FailureCode.PEER_SILENT,
          "The destination has not answered within 30 s; the migration tries on.");

  private final ActorContext<Command> context;
  private final Executor blocking;
  private final KvmAccess kvm = new KvmAccess();
  private final Map<String, ActorRef<Vm.Command>> vms = new TreeMap<>();
  // Names that a guest under construction or on its way here will have, and who took them.
  private final Map<String, String> reserved = new HashMap<>();
  private final Map<String, Session> sessions = new HashMap<>();
  // Of guests of an earlier run.
  private final Set<ActorRef<Vm.Command>> remembered = new HashSet<>();
  private final ActorRef<MigrationEvent> events;
  private final ArrivalGate gate;
  private final OwnershipLedger ledger;
  private final HostRecords records;

  private VmHost(ActorContext<Command> context, OwnershipLedger ledger) {
    this.context = context;
    this.ledger = ledger;
    this.records = new HostRecords(ledger);
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.events = context.messageAdapter(MigrationEvent.class, SessionEvent::new);
    this.gate = new HostGate(context.getSelf(), kvm, ledger);
    ledger.guests().forEach(this::remember);
    ledger.openArrivals().forEach(this::answerFor);
  }

  /** A host without virtual machines, which forgets them when it ends. */
  public static Behavior<Command> create() {
    return create(OwnershipLedger.forgetful());
  }

  /**
   * A host that knows what became of the guests of its last run, and answers for them.
   *
   * @param ledger nobody else's
   */
  public static Behavior<Command> create(OwnershipLedger ledger) {
    return Behaviors.setup(context -> new VmHost(context, ledger).hosting());
  }

  private void remember(GuestRecord guest) {
    remembered.add(adopt(guest.spec().name(), RememberedVm.create(guest, ledger)));
  }

  private void answerFor(ArrivalRecord arrival) {
    context.spawn(DestinationWitness.create(arrival, ledger), "witness-" + arrival.id());
  }

  private Behavior<Command> hosting() {
    return Behaviors.receive(Command.class)
        .onMessage(CreateVm.class, this::createVm)
        .onMessage(Built.class, this::onBuilt)
        .onMessage(ChangeVm.class, this::changeVm)
        .onMessage(DescribeVm.class, m -> askVm(m.name(), Vm.Describe::new, m.replyTo()))
        .onMessage(ListVms.class, this::listVms)
        .onMessage(ReadConsole.class, m -> askVm(m.name(), Vm.ReadConsole::new, m.replyTo()))
        .onMessage(DigestVm.class, m -> askVm(m.name(), Vm.DigestMemory::new, m.replyTo()))
        .onMessage(SendVm.class, this::sendVm)
        .onMessage(SendStarted.class, this::onSendStarted)
        .onMessage(SessionEvent.class, this::onSessionEvent)
        .onMessage(ReceiveVm.class, this::receiveVm)
        .onMessage(CancelMigration.class, m -> steer(m.migrationId(), Session::cancel, m.replyTo()))
        .onMessage(
            SwitchToPostcopy.class,
            m -> steer(m.migrationId(), Session::switchToPostcopy, m.replyTo()))
        .onMessage(Deleted.class, this::onDeleted)
        .onMessage(Forgotten.class, this::onForgotten)
        .onMessage(TakenOver.class, this::onTakenOver)
        .onMessage(Recovered.class, this::onRecovered)
        .onMessage(Answered.class, this::onAnswered)
        .onMessage(Reserve.class, this::reserve)
        .onMessage(Admit.class, this::admit)
        .onMessage(VmGone.class, this::onVmGone)
        .onMessage(ReceiverGone.class, this::onReceiverGone)
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  private Behavior<Command> createVm(CreateVm request) {
    VmSpec spec = request.spec();
    if (isTaken(spec.name())) {
      return reject(
          request.replyTo(),
          FailureCode.NAME_TAKEN,
          records.taken(spec.name(), remembered.contains(vms.get(spec.name()))));
    }
    reserved.put(spec.name(), spec.name());
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> build(spec), blocking),
        (machine, failure) -> new Built(spec, machine, failure, request.replyTo()));
    return Behaviors.same();
  }

  private Machine build(VmSpec spec) {
    try {
      KvmSystem system = kvm.get();
      GuestMemory memory = MemoryBudget.allocate(spec.memoryBytes(), spec.pageSize());
      Machine machine = Machine.create(system, spec.name(), memory, system.supportedCpuid());
      try {
        ledger.create(spec);
      } catch (IOException e) {
        machine.close();
        throw HostRecords.unwritable(spec.name(), e);
      }
      return machine;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Behavior<Command> onBuilt(Built built) {
    VmSpec spec = built.spec();
    reserved.remove(spec.name());
    Machine machine = built.machine();
    if (machine == null) {
      Throwable cause = Failures.root(Objects.requireNonNull(built.failure()));
      return reject(built.replyTo(), Failures.code(cause), Failures.sentence(cause));
    }
    ActorRef<Vm.Command> vm = adopt(spec.name(), Vm.create(spec, machine));
    return describe(vm, built.replyTo());
  }

  private Behavior<Command> changeVm(ChangeVm request) {
    return switch (request.change()) {
      case BOOT -> askVm(request.name(), Vm.Boot::new, request.replyTo());
      case PAUSE -> askVm(request.name(), Vm.Pause::new, request.replyTo());
      case RESUME -> askVm(request.name(), Vm.Resume::new, request.replyTo());
      case TAKE_OVER ->
          askVm(
              request.name(),
              Vm.TakeOver::new,
              SILENT,
              request.replyTo(),
              (vm, reply) -> new TakenOver(request.name(), reply, request.replyTo()));
      case RECOVER ->
          askVm(
              request.name(),
              Vm.Recover::new,
              STILL_TRYING,
              request.replyTo(),
              (vm, reply) -> new Recovered(vm, reply, request.replyTo()));
      case DELETE -> end(request.name(), Vm.Delete::new, request.replyTo());
    };
  }

  private Behavior<Command> onRecovered(Recovered m) {
    if (m.reply() instanceof Vm.Done) {
      return describe(m.vm(), m.replyTo());
    }
    m.replyTo().tell(translated(m.reply()));
    return Behaviors.same();
  }

  private Behavior<Command> onTakenOver(TakenOver m) {
    if (!(m.reply() instanceof Vm.Described)) {
      m.replyTo().tell(translated(m.reply()));
      return Behaviors.same();
    }
    context.pipeToSelf(
        CompletableFuture.runAsync(() -> records.takeOver(m.name()), blocking),
        (done, failure) ->
            new Answered(
                failure == null ? m.reply() : HostRecords.notTakenOver(failure), m.replyTo()));
    return Behaviors.same();
  }

  private Behavior<Command> end(
      String name, Function<ActorRef<Vm.Reply>, Vm.Command> how, ActorRef<Reply> replyTo) {
    return askVm(name, how, SILENT, replyTo, (vm, reply) -> new Deleted(name, vm, reply, replyTo));
  }

  /** The name is free before the caller hears so; that the actor has ended comes later. */
  private Behavior<Command> onDeleted(Deleted deleted) {
    boolean gone = vms.get(deleted.name()) != deleted.vm(); // another request was faster
    if (gone || !(deleted.reply() instanceof Vm.Done)) {
      deleted.replyTo().tell(gone ? new Done() : translated(deleted.reply()));
      return Behaviors.same();
    }
    vms.remove(deleted.name(), deleted.vm());
    sessions.values().removeIf(session -> deleted.name().equals(session.departing()));
    reserved.put(deleted.name(), deleted.name());
    context.pipeToSelf(
        CompletableFuture.runAsync(() -> records.forget(deleted.name()), blocking),
        (done, failure) ->
            new Forgotten(
                deleted.name(),
                failure == null ? deleted.reply() : HostRecords.unwritable(failure),
                deleted.replyTo()));
    return Behaviors.same();
  }

  private Behavior<Command> onForgotten(Forgotten forgotten) {
    reserved.remove(forgotten.name());
    forgotten.replyTo().tell(translated(forgotten.reply()));
    return Behaviors.same();
  }

  private Behavior<Command> listVms(ListVms request) {
    context.spawnAnonymous(VmLister.create(List.copyOf(vms.values()), records, request.replyTo()));
    return Behaviors.same();
  }

  private Behavior<Command> sendVm(SendVm request) {
    ActorRef<Vm.Command> vm = vms.get(request.name());
    if (vm == null) {
      return reject(request.replyTo(), FailureCode.NO_SUCH_VM, absent(request.name()));
    }
    String id = MigrationIds.next();
    SendOptions options = request.options();
    sessions.put(
        id,
        new Session(
            request.follower(),
            request.name(),
            replyTo -> askVm(request.name(), to -> new Vm.CancelMigration(id, to), replyTo),
            options.mode() == MemoryMode.HYBRID
                ? replyTo -> askVm(request.name(), to -> new Vm.SwitchToPostcopy(id, to), replyTo)
                : replyTo -> reject(replyTo, FailureCode.WRONG_STATE, notHybrid(id))));
    context.ask(
        Vm.Reply.class,
        vm,
        ASK_TIMEOUT,
        replyTo ->
            new Vm.StartMigration(
                id,
                seed ->
                    MigrationSource.session(
                        MigrationSource.create(
                            id, options, seed, ledger.depart(request.name()), events)),
                replyTo),
        (reply, failure) ->
            new SendStarted(
                id, options.destinationUrl(), reply == null ? SILENT : reply, request.replyTo()));
    return Behaviors.same();
  }

  private Behavior<Command> onSendStarted(SendStarted started) {
    if (started.reply() instanceof Vm.Done) {
      started.replyTo().tell(new MigrationStarted(started.migrationId(), started.url()));
    } else {
      sessions.remove(started.migrationId());
      started.replyTo().tell(translated(started.reply()));
    }
    return Behaviors.same();
  }

  private Behavior<Command> receiveVm(ReceiveVm request) {
    String id = MigrationIds.next();
    ActorRef<MigrationDestination.Command> session =
        context.spawn(
            MigrationDestination.create(
                id, request.options(), gate, events, new Listening(request.replyTo())),
            "receive-" + id);
    sessions.put(
        id,
        new Session(
            request.follower(),
            null,
            replyTo -> {
              session.tell(new MigrationDestination.Cancel());
              replyTo.tell(new Done());
            },
            replyTo -> reject(replyTo, FailureCode.WRONG_STATE, notHere(id))));
    context.watchWith(session, new ReceiverGone(id));
    return Behaviors.same();
  }

  private Behavior<Command> onSessionEvent(SessionEvent m) {
    String id = m.event().migrationId();
    Session session = sessions.get(id);
    if (session == null) {
      return Behaviors.same();
    }
    session.follower().tell(m.event());
    if (m.event() instanceof MigrationEvent.Progressed) {
      return Behaviors.same();
    }
    if (!mayGoOn(session, m.event())) {
      sessions.remove(id);
    }
    // A session that lingers has nothing that is named any more.
    reserved.values().removeIf(id::equals);
    ActorRef<Vm.Command> vm = vms.get(m.event().vm());
    if (session.departing() != null && m.event() instanceof MigrationEvent.Finished && vm != null) {
      // The session told the Vm what became of its guest before it told us. A guest that was
      // preserved is not forgotten.
      return end(m.event().vm(), Vm.Forget::new, context.getSystem().ignoreRef());
    }
    return Behaviors.same();
  }

  /** A guest that was handed over, and not for good: {@link Vm.Recover}. */
  private static boolean mayGoOn(Session session, MigrationEvent event) {
    return session.departing() != null
        && event instanceof MigrationEvent.Failed failed
        && failed.failure().guestLocation() != GuestLocation.SOURCE;
  }

  private Behavior<Command> steer(
      String id, Function<Session, Consumer<ActorRef<Reply>>> how, ActorRef<Reply> replyTo) {
    Session session = sessions.get(id);
    if (session == null) {
      String reason = "There is no migration " + id + " under way on this node.";
      return reject(replyTo, FailureCode.WRONG_STATE, reason);
    }
    how.apply(session).accept(replyTo);
    return Behaviors.same();
  }

  private static String notHybrid(String id) {
    return "Migration " + id + " cannot switch to postcopy: it was not started in hybrid mode.";
  }

  private static String notHere(String id) {
    return "Migration " + id + " arrives here; its source switches it to postcopy.";
  }

  private Behavior<Command> reserve(Reserve request) {
    String name = request.name();
    if (comesBack(name, request.identity())) {
      Objects.requireNonNull(vms.remove(name)).tell(new Vm.Delete(context.getSystem().ignoreRef()));
    }
    boolean free = !isTaken(name);
    if (free) {
      reserved.put(request.name(), request.migrationId());
    }
    request.replyTo().tell(free);
    return Behaviors.same();
  }

  /** A guest that an earlier run handed over, and that has changed hands since. */
  private boolean comesBack(String name, @Nullable GuestIdentity identity) {
    return identity != null
        && remembered.contains(vms.get(name))
        && records.isSucceededBy(name, identity);
  }

  private Behavior<Command> admit(Admit m) {
    String name = m.spec().name();
    reserved.remove(name);
    adopt(name, Vm.arrive(m.spec(), m.machine(), m.migrationId(), m.state(), m.session()));
    return Behaviors.same();
  }

  private ActorRef<Vm.Command> adopt(String name, Behavior<Vm.Command> behavior) {
    ActorRef<Vm.Command> vm = context.spawn(behavior, "vm-" + name + "-" + MigrationIds.next());
    vms.put(name, vm);
    context.watchWith(vm, new VmGone(name, vm));
    return vm;
  }

  private Behavior<Command> onVmGone(VmGone gone) {
    vms.remove(gone.name(), gone.vm());
    remembered.remove(gone.vm());
    return Behaviors.same();
  }

  private Behavior<Command> onReceiverGone(ReceiverGone gone) {
    reserved.values().removeIf(gone.migrationId()::equals);
    return Behaviors.same();
  }

  private Behavior<Command> onStop() {
    kvm.close();
    return Behaviors.same();
  }

  private Behavior<Command> askVm(
      String name, Function<ActorRef<Vm.Reply>, Vm.Command> question, ActorRef<Reply> replyTo) {
    return askVm(name, question, SILENT, replyTo, (vm, reply) -> new Answered(reply, replyTo));
  }

  /**
   * Asks a virtual machine by its name.
   *
   * @param silent what is taken for its reply where none comes
   * @param heard what this actor is told then
   */
  private Behavior<Command> askVm(
      String name,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      Vm.Reply silent,
      ActorRef<Reply> replyTo,
      BiFunction<ActorRef<Vm.Command>, Vm.Reply, Command> heard) {
    ActorRef<Vm.Command> vm = vms.get(name);
    if (vm == null) {
      return reject(replyTo, FailureCode.NO_SUCH_VM, absent(name));
    }
    return ask(vm, question, silent, reply -> heard.apply(vm, reply));
  }

  private Behavior<Command> describe(ActorRef<Vm.Command> vm, ActorRef<Reply> replyTo) {
    return ask(vm, Vm.Describe::new, SILENT, reply -> new Answered(reply, replyTo));
  }

  private Behavior<Command> ask(
      ActorRef<Vm.Command> vm,
      Function<ActorRef<Vm.Reply>, Vm.Command> question,
      Vm.Reply silent,
      Function<Vm.Reply, Command> heard) {
    context.ask(
        Vm.Reply.class,
        vm,
        ASK_TIMEOUT,
        question::apply,
        (reply, failure) -> heard.apply(reply == null ? silent : reply));
    return Behaviors.same();
  }

  private Behavior<Command> onAnswered(Answered answered) {
    answered.replyTo().tell(translated(answered.reply()));
    return Behaviors.same();
  }

  private Reply translated(Vm.Reply reply) {
    if (reply instanceof Vm.Described described) {
      return new Described(records.owned(described.info()));
    } else if (reply instanceof Vm.ConsoleText console) {
      return new ConsoleText(console.text());
    } else if (reply instanceof Vm.Digest digest) {
      return new Digest(digest.digest());
    } else if (reply instanceof Vm.Rejected rejected) {
      return new Rejected(rejected.code(), rejected.reason());
    }
    return new Done();
  }

  private boolean isTaken(String name) {
    return vms.containsKey(name) || reserved.containsKey(name);
  }

  private static String absent(String name) {
    return "This node has no VM named " + name + ".";
  }

  private static Behavior<Command> reject(
      ActorRef<Reply> replyTo, FailureCode code, String reason) {
    replyTo.tell(new Rejected(code, reason));
    return Behaviors.same();
  }

  /** Carries the session's first answer, the address it listens at, to the caller. */
  private record Listening(ActorRef<Reply> replyTo) implements MigrationDestination.Bound {
    @Override
    public void listening(String migrationId, String url) {
      replyTo.tell(new MigrationStarted(migrationId, url));
    }

    @Override
    public void failed(FailureCode code, String reason) {
      replyTo.tell(new Rejected(code, reason));
    }
  }
}
