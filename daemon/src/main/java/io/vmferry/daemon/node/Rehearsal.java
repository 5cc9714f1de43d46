package io.vmferry.daemon.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.postcopy.FaultRehearsal;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.sandbox.Sandbox;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * Moves a tiny idle guest from this process to itself a few times after the node has started, and
 * has page faults of no guest served, so that the first real switchover and the first real faults
 * find their classes loaded and compiled: a guest's downtime is no place for a JVM to warm up.
 *
 * <p>The guest lives on a VM host of its own, which nobody else sees. States: creating, booting,
 * then for each move listening and moving, then faulting; it stops after that, at the first thing
 * that goes wrong (a host without KVM, too little memory), and when nothing happens for {@value
 * #PATIENCE_SECONDS} s. Nothing depends on it.
 */
final class Rehearsal {
  /** What it hears. */
  sealed interface Command {}

  record HostSaid(VmHost.Reply reply) implements Command {}

  record Arrived(MigrationEvent event) implements Command {}

  record Left(MigrationEvent event) implements Command {}

  record Faulted(long faults, @Nullable Throwable failure) implements Command {}

  record Overdue() implements Command {}

  private static final int PATIENCE_SECONDS = 20;
  private static final long MEMORY_BYTES = 8L << 20;

  private final ActorContext<Command> context;
  private final ActorRef<VmHost.Command> host;
  private final ActorRef<VmHost.Reply> replies;
  private final ActorRef<MigrationEvent> arrivals;
  private final ActorRef<MigrationEvent> departures;
  private final int moves;
  private final int faults;

  private Rehearsal(ActorContext<Command> context, int moves, int faults) {
    this.context = context;
    this.moves = moves;
    this.faults = faults;
    this.host = context.spawn(VmHost.create(), "vms");
    this.replies = context.messageAdapter(VmHost.Reply.class, HostSaid::new);
    this.arrivals = context.spawnAnonymous(forward(context, true));
    this.departures = context.spawnAnonymous(forward(context, false));
    context.setReceiveTimeout(Duration.ofSeconds(PATIENCE_SECONDS), new Overdue());
  }

  /**
   * Rehearses at once.
   *
   * @param moves how often the guest moves, precopy and postcopy in turn
   * @param faults how many page faults are served at least, behind the moves
   */
  static Behavior<Command> create(int moves, int faults) {
    return Behaviors.setup(
        context -> {
          Rehearsal rehearsal = new Rehearsal(context, moves, faults);
          return moves > 0 ? rehearsal.createGuest() : rehearsal.fault();
        });
  }

  /** Both followers hear the same type, and one adapter per type is all an actor has. */
  private static Behavior<MigrationEvent> forward(ActorContext<Command> context, boolean arrival) {
    ActorRef<Command> self = context.getSelf();
    return Behaviors.receive(MigrationEvent.class)
        .onAnyMessage(
            event -> {
              self.tell(arrival ? new Arrived(event) : new Left(event));
              return Behaviors.same();
            })
        .build();
  }

  private Behavior<Command> createGuest() {
    VmSpec spec = new VmSpec(name(0), 1, MEMORY_BYTES, PageSize.KIB_4, GuestSource.Idle.empty());
    host.tell(new VmHost.CreateVm(spec, replies));
    return onceDescribed(this::bootGuest);
  }

  private Behavior<Command> bootGuest() {
    host.tell(new VmHost.ChangeVm(name(0), VmHost.Change.BOOT, replies));
    return onceDescribed(() -> listen(0));
  }

  private Behavior<Command> onceDescribed(Supplier<Behavior<Command>> next) {
    return Behaviors.receive(Command.class)
        .onMessage(
            HostSaid.class, m -> m.reply() instanceof VmHost.Described ? next.get() : giveUp(m))
        .onAnyMessage(this::giveUp)
        .build();
  }

  private Behavior<Command> listen(int move) {
    if (move == moves) {
      return fault();
    }
    host.tell(
        new VmHost.ReceiveVm(
            new ReceiveOptions(
                "tcp:127.0.0.1:0", mode(move), false, true, name(move + 1), false, null),
            arrivals,
            replies));
    return Behaviors.receive(Command.class)
        .onMessage(
            HostSaid.class,
            m ->
                m.reply() instanceof VmHost.MigrationStarted listening
                    ? send(move, listening.url())
                    : giveUp(m))
        .onAnyMessage(this::giveUp)
        .build();
  }

  private Behavior<Command> send(int move, String url) {
    SendOptions options = SendOptions.to(url, mode(move)).build();
    host.tell(new VmHost.SendVm(name(move), options, departures, replies));
    return moving(move, 2);
  }

  /** Waits until both sides have ended. */
  private Behavior<Command> moving(int move, int sides) {
    return Behaviors.receive(Command.class)
        .onMessage(
            HostSaid.class,
            m -> m.reply() instanceof VmHost.Rejected ? giveUp(m) : Behaviors.same())
        .onMessage(Arrived.class, m -> onEvent(m, m.event(), move, sides))
        .onMessage(Left.class, m -> onEvent(m, m.event(), move, sides))
        .onAnyMessage(this::giveUp)
        .build();
  }

  private Behavior<Command> onEvent(Command message, MigrationEvent event, int move, int sides) {
    if (event instanceof MigrationEvent.Progressed) {
      return Behaviors.same();
    } else if (event instanceof MigrationEvent.Failed) {
      return giveUp(message);
    }
    return sides == 1 ? listen(move + 1) : moving(move, sides - 1);
  }

  private Behavior<Command> fault() {
    if (faults == 0) {
      return rehearsed(0);
    }
    Executor blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
    context.pipeToSelf(
        FaultRehearsal.start(faults, Sandbox.of(context.getSystem()), blocking),
        (served, failure) -> new Faulted(served == null ? 0 : served, failure));
    return Behaviors.receive(Command.class)
        .onMessage(Faulted.class, m -> m.failure() == null ? rehearsed(m.faults()) : giveUp(m))
        .onAnyMessage(this::giveUp)
        .build();
  }

  private Behavior<Command> rehearsed(long served) {
    context.getLog().debug("{} switchovers and {} page faults rehearsed", moves, served);
    return Behaviors.stopped();
  }

  private Behavior<Command> giveUp(Command why) {
    context.getLog().debug("The rehearsal ends early: {}", why);
    return Behaviors.stopped();
  }

  private static MemoryMode mode(int move) {
    return move % 2 == 0 ? MemoryMode.PRECOPY : MemoryMode.POSTCOPY;
  }

  private static String name(int move) {
    return "rehearsal-" + move;
  }
}
