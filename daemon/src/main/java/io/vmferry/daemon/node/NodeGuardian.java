package io.vmferry.daemon.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.node.LinuxHostFacts;
import io.vmferry.cluster.orchestrator.MigrationFollower;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.daemon.api.MigrationView;
import java.util.HashSet;
import java.util.Set;
import org.apache.pekko.Done;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.jspecify.annotations.Nullable;

/**
 * The root of a node's actors: the VM host, the node's part of the cluster, and the board of
 * migrations, which it keeps up to date.
 *
 * <p>States: serving -> silent (the node leaves its cluster) -> the VM host ends its guests. An
 * {@link AbstractBehavior} because the set of followed migrations changes with every message. A VM
 * host that stops by itself is a fault of the program: the guardian stops then, and with it the
 * process.
 */
final class NodeGuardian extends AbstractBehavior<NodeGuardian.Command> {
  /** What the guardian is asked, by this process only. */
  sealed interface Command {}

  /** What the HTTP routes need. */
  record GetParts(ActorRef<Parts> replyTo) implements Command {}

  /** Keeps a migration of the orchestrator's on the board until it ends. */
  record FollowMigration(MigrationRecord migration) implements Command {}

  /** Warms up for the first migration, see {@link Rehearsal}. */
  record Rehearse(int moves, int faults) implements Command {}

  /** Says nothing more to the cluster, which the node is about to leave. */
  record FallSilent() implements Command {}

  /** Ends every guest; answered when their memory is free. */
  record EndGuests(ActorRef<Done> replyTo) implements Command {}

  record SessionEvent(MigrationEvent event) implements Command {}

  record OrchestratorSaid(Orchestrator.Reply reply) implements Command {}

  record HostStopped() implements Command {}

  /**
   * The actors of a node.
   *
   * @param host its virtual machines
   * @param cluster its part of the cluster
   * @param sessions hears the events of the sessions that the routes start
   */
  record Parts(
      ActorRef<VmHost.Command> host, ClusterNode cluster, ActorRef<MigrationEvent> sessions) {}

  private final MigrationBoard board;
  private final ActorRef<VmHost.Command> host;
  private final ClusterNode cluster;
  private final ActorRef<MigrationEvent> sessions;
  private final ActorRef<Orchestrator.Reply> orchestratorReplies;
  private final Set<String> followed = new HashSet<>();
  private @Nullable ActorRef<Done> ender;

  static Behavior<Command> create(MigrationBoard board, OwnershipLedger ledger) {
    return Behaviors.setup(context -> new NodeGuardian(context, board, ledger));
  }

  private NodeGuardian(
      ActorContext<Command> context, MigrationBoard board, OwnershipLedger ledger) {
    super(context);
    this.board = board;
    this.host = context.spawn(VmHost.create(ledger), "vms");
    context.watchWith(host, new HostStopped());
    this.cluster = ClusterNode.start(context, host, new LinuxHostFacts());
    this.sessions = context.messageAdapter(MigrationEvent.class, SessionEvent::new);
    this.orchestratorReplies =
        context.messageAdapter(Orchestrator.Reply.class, OrchestratorSaid::new);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(GetParts.class, this::onGetParts)
        .onMessage(FollowMigration.class, this::onFollow)
        .onMessage(SessionEvent.class, this::onSessionEvent)
        .onMessage(OrchestratorSaid.class, this::onOrchestratorSaid)
        .onMessage(Rehearse.class, this::onRehearse)
        .onMessage(FallSilent.class, m -> onFallSilent())
        .onMessage(EndGuests.class, this::onEndGuests)
        .onMessage(HostStopped.class, m -> onHostStopped())
        .build();
  }

  private Behavior<Command> onGetParts(GetParts message) {
    message.replyTo().tell(new Parts(host, cluster, sessions));
    return this;
  }

  private Behavior<Command> onSessionEvent(SessionEvent message) {
    MigrationEvent event = message.event();
    board.update(
        Views.begun(event.migrationId(), null, null), before -> Views.after(before, event));
    return this;
  }

  private Behavior<Command> onFollow(FollowMigration message) {
    MigrationRecord migration = message.migration();
    put(migration);
    if (!migration.hasEnded() && followed.add(migration.id())) {
      getContext()
          .spawn(
              MigrationFollower.create(
                  cluster.settings(), migration.id(), cluster.orchestrator(), orchestratorReplies),
              "follow-" + migration.id());
    }
    return this;
  }

  private Behavior<Command> onOrchestratorSaid(OrchestratorSaid message) {
    if (message.reply() instanceof Orchestrator.Described described) {
      put(described.record());
      if (described.record().hasEnded()) {
        followed.remove(described.record().id());
      }
    } else if (message.reply() instanceof Orchestrator.NoSuchMigration unknown) {
      // It moved to another node before the follower had heard anything.
      board.update(
          Views.begun(unknown.id(), null, null),
          before -> Views.lost(before, Problems.unfollowed(before)));
      followed.remove(unknown.id());
    }
    return this;
  }

  private void put(MigrationRecord migration) {
    MigrationView view = Views.migration(migration);
    board.update(view, before -> view);
  }

  private Behavior<Command> onRehearse(Rehearse message) {
    getContext().spawn(Rehearsal.create(message.moves(), message.faults()), "rehearsal");
    return this;
  }

  private Behavior<Command> onFallSilent() {
    getContext().stop(cluster.agent());
    getContext().stop(cluster.directory());
    return this;
  }

  private Behavior<Command> onEndGuests(EndGuests message) {
    ender = message.replyTo();
    getContext().stop(host);
    return this;
  }

  private Behavior<Command> onHostStopped() {
    if (ender == null) {
      getContext().getLog().error("The VM host stopped; the node ends");
      return Behaviors.stopped();
    }
    ender.tell(Done.getInstance());
    return this;
  }
}
