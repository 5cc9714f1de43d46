package io.vmferry.actors;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.machine.MemoryBudget;
import io.vmferry.actors.migration.DestinationWitness;
import io.vmferry.actors.migration.Failures;
import io.vmferry.actors.migration.MigrationEvent;
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
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
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

  record Deleted(String name, ActorRef<Vm.Command> vm, Vm.Reply reply, Consumer<Reply> then)
      implements Command {}

  record Answered(Vm.Reply reply, ActorRef<Reply> replyTo) implements Command {}

  record SendStarted(String migrationId, String url, Vm.Reply reply, ActorRef<Reply> replyTo)
      implements Command {}

  record Forgotten(String name, Vm.Reply reply, Consumer<Reply> then) implements Command {}

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

  private static final Vm.Reply STILL_TRYING =
      new Vm.Rejected(
          FailureCode.PEER_SILENT,
          "The destination has not answered within 30 s; the migration tries on.");

  private final ActorContext<Command> context;
  private final Executor blocking;
  private final KvmAccess kvm = new KvmAccess();
  private final OwnershipLedger ledger;
  private final HostRecords records;
  private final HostedVms vms;
  private final HostedMigrations migrations;

  private VmHost(ActorContext<Command> context, OwnershipLedger ledger) {
    this.context = context;
    this.blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    this.ledger = ledger;
    this.records = new HostRecords(ledger);
    this.vms = new HostedVms(context);
    this.migrations =
        new HostedMigrations(context, vms, new HostGate(context.getSelf(), kvm, ledger), ledger);
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
    vms.adoptRemembered(guest.spec().name(), RememberedVm.create(guest, ledger));
  }

  private void answerFor(ArrivalRecord arrival) {
    context.spawn(DestinationWitness.create(arrival, ledger), "witness-" + arrival.id());
  }

  private Behavior<Command> hosting() {
    return Behaviors.receive(Command.class)
        .onMessage(CreateVm.class, on(this::createVm))
        .onMessage(Built.class, on(this::onBuilt))
        .onMessage(ChangeVm.class, on(this::changeVm))
        .onMessage(
            DescribeVm.class,
            on((DescribeVm m) -> vms.ask(m.name(), Vm.Describe::new, m.replyTo())))
        .onMessage(ListVms.class, on(this::listVms))
        .onMessage(
            ReadConsole.class,
            on((ReadConsole m) -> vms.ask(m.name(), Vm.ReadConsole::new, m.replyTo())))
        .onMessage(
            DigestVm.class,
            on((DigestVm m) -> vms.ask(m.name(), Vm.DigestMemory::new, m.replyTo())))
        .onMessage(SendVm.class, on(migrations::send))
        .onMessage(SendStarted.class, on(this::onSendStarted))
        .onMessage(SessionEvent.class, on(this::onSessionEvent))
        .onMessage(ReceiveVm.class, on(migrations::receive))
        .onMessage(CancelMigration.class, on(migrations::cancel))
        .onMessage(SwitchToPostcopy.class, on(migrations::switchToPostcopy))
        .onMessage(Deleted.class, on(this::onDeleted))
        .onMessage(Forgotten.class, on(this::onForgotten))
        .onMessage(TakenOver.class, on(this::onTakenOver))
        .onMessage(Recovered.class, on(this::onRecovered))
        .onMessage(Answered.class, on((Answered m) -> answer(m.reply(), m.replyTo())))
        .onMessage(Reserve.class, on(this::reserve))
        .onMessage(Admit.class, on(this::admit))
        .onMessage(VmGone.class, on((VmGone m) -> vms.remove(m.name(), m.vm())))
        .onMessage(ReceiverGone.class, on((ReceiverGone m) -> vms.releaseAllOf(m.migrationId())))
        .onSignal(PostStop.class, s -> onStop())
        .build();
  }

  /** The host has one state, and stays in it. */
  private static <M extends Command>
      org.apache.pekko.japi.function.Function<M, Behavior<Command>> on(Consumer<M> handler) {
    return message -> {
      handler.accept(message);
      return Behaviors.same();
    };
  }

  private void createVm(CreateVm request) {
    VmSpec spec = request.spec();
    String name = spec.name();
    if (vms.isTaken(name)) {
      reject(
          request.replyTo(), FailureCode.NAME_TAKEN, records.taken(name, vms.isRemembered(name)));
      return;
    }
    vms.reserve(name, name);
    context.pipeToSelf(
        CompletableFuture.supplyAsync(() -> build(spec), blocking),
        (machine, failure) -> new Built(spec, machine, failure, request.replyTo()));
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

  private void onBuilt(Built built) {
    VmSpec spec = built.spec();
    vms.release(spec.name());
    Machine machine = built.machine();
    if (machine == null) {
      Throwable cause = Failures.root(Objects.requireNonNull(built.failure()));
      reject(built.replyTo(), Failures.code(cause), Failures.sentence(cause));
    } else {
      vms.describe(vms.adopt(spec.name(), Vm.create(spec, machine)), built.replyTo());
    }
  }

  private void changeVm(ChangeVm request) {
    String name = request.name();
    ActorRef<Reply> replyTo = request.replyTo();
    switch (request.change()) {
      case BOOT -> vms.ask(name, Vm.Boot::new, replyTo);
      case PAUSE -> vms.ask(name, Vm.Pause::new, replyTo);
      case RESUME -> vms.ask(name, Vm.Resume::new, replyTo);
      case TAKE_OVER ->
          vms.ask(
              name, Vm.TakeOver::new, replyTo, (vm, reply) -> new TakenOver(name, reply, replyTo));
      case RECOVER ->
          vms.ask(
              name,
              Vm.Recover::new,
              STILL_TRYING,
              replyTo,
              (vm, reply) -> new Recovered(vm, reply, replyTo));
      case DELETE -> end(name, Vm.Delete::new, replyTo::tell);
    }
  }

  private void onRecovered(Recovered m) {
    if (m.reply() instanceof Vm.Done) {
      vms.describe(m.vm(), m.replyTo());
    } else {
      answer(m.reply(), m.replyTo());
    }
  }

  private void onTakenOver(TakenOver m) {
    if (!(m.reply() instanceof Vm.Described)) {
      answer(m.reply(), m.replyTo());
      return;
    }
    context.pipeToSelf(
        CompletableFuture.runAsync(() -> records.takeOver(m.name()), blocking),
        (done, failure) ->
            new Answered(
                failure == null ? m.reply() : HostRecords.notTakenOver(failure), m.replyTo()));
  }

  private void end(
      String name, Function<ActorRef<Vm.Reply>, Vm.Command> how, Consumer<Reply> then) {
    ActorRef<Vm.Command> vm = vms.find(name);
    if (vm == null) {
      then.accept(HostedVms.absent(name));
    } else {
      vms.ask(vm, how, reply -> new Deleted(name, vm, reply, then));
    }
  }

  /** The name is free before anybody hears so; that the actor has ended comes later. */
  private void onDeleted(Deleted deleted) {
    String name = deleted.name();
    boolean gone = vms.find(name) != deleted.vm(); // another request was faster
    if (gone || !(deleted.reply() instanceof Vm.Done)) {
      deleted.then().accept(gone ? new Done() : translated(deleted.reply()));
      return;
    }
    vms.remove(name, deleted.vm());
    migrations.forgetAllOf(name);
    vms.reserve(name, name);
    context.pipeToSelf(
        CompletableFuture.runAsync(() -> records.forget(name), blocking),
        (done, failure) ->
            new Forgotten(
                name,
                failure == null ? deleted.reply() : HostRecords.unwritable(failure),
                deleted.then()));
  }

  private void onForgotten(Forgotten forgotten) {
    vms.release(forgotten.name());
    forgotten.then().accept(translated(forgotten.reply()));
  }

  private void listVms(ListVms request) {
    context.spawnAnonymous(VmLister.create(vms.all(), records, request.replyTo()));
  }

  private void onSendStarted(SendStarted started) {
    if (started.reply() instanceof Vm.Done) {
      started.replyTo().tell(new MigrationStarted(started.migrationId(), started.url()));
    } else {
      migrations.forget(started.migrationId());
      answer(started.reply(), started.replyTo());
    }
  }

  private void onSessionEvent(SessionEvent m) {
    MigrationEvent event = m.event();
    boolean left = migrations.isDeparture(event);
    Runnable tellFollower = migrations.heard(event);
    if (!(event instanceof MigrationEvent.Progressed)) {
      // A session that lingers has nothing that is named any more.
      vms.releaseAllOf(event.migrationId());
    }
    if (left) {
      // The session told the Vm what became of its guest before it told us. A guest that was
      // preserved is not forgotten. Who hears that it has left may use its name at once.
      end(event.vm(), Vm.Forget::new, reply -> tellFollower.run());
    } else {
      tellFollower.run();
    }
  }

  private void reserve(Reserve request) {
    String name = request.name();
    ActorRef<Vm.Command> former = vms.find(name);
    if (former != null && comesBack(name, request.identity())) {
      vms.remove(name, former);
      former.tell(new Vm.Delete(context.getSystem().ignoreRef()));
    }
    boolean free = !vms.isTaken(name);
    if (free) {
      vms.reserve(name, request.migrationId());
    }
    request.replyTo().tell(free);
  }

  /** A guest that an earlier run handed over, and that has changed hands since. */
  private boolean comesBack(String name, @Nullable GuestIdentity identity) {
    return identity != null && vms.isRemembered(name) && records.isSucceededBy(name, identity);
  }

  private void admit(Admit m) {
    String name = m.spec().name();
    vms.release(name);
    vms.adopt(name, Vm.arrive(m.spec(), m.machine(), m.migrationId(), m.state(), m.session()));
  }

  private Behavior<Command> onStop() {
    kvm.close();
    return Behaviors.same();
  }

  private void answer(Vm.Reply reply, ActorRef<Reply> replyTo) {
    replyTo.tell(translated(reply));
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

  private static void reject(ActorRef<Reply> replyTo, FailureCode code, String reason) {
    replyTo.tell(new Rejected(code, reason));
  }
}
