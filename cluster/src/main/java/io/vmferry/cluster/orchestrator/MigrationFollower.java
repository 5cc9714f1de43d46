package io.vmferry.cluster.orchestrator;

import io.vmferry.cluster.ClusterSettings;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.SelfRemoved;
import org.apache.pekko.cluster.typed.Subscribe;
import org.jspecify.annotations.Nullable;

/**
 * Follows one migration for a listener on its own node, to the ending, whatever becomes of the
 * orchestrator. It asks again and again, so a lost message is made up for, and an orchestrator that
 * was lost and began anew is noticed: the listener is told so then, with the guest's location
 * unknown. So it is when this node was removed from the cluster: nobody answers it any more.
 *
 * <p>One state: following. The listener hears {@link Orchestrator.Described}, the last with an
 * outcome, or {@link Orchestrator.NoSuchMigration} alone; then this actor stops. It stops as well
 * when the listener does.
 */
public final class MigrationFollower {
  /** What a follower is told. */
  public sealed interface Command {}

  record Heard(Orchestrator.Reply reply) implements Command {}

  record AskAgain() implements Command {}

  record ListenerGone() implements Command {}

  record NodeRemoved() implements Command {}

  private final ActorContext<Command> context;
  private final String nodeName;
  private final String id;
  private final ActorRef<Orchestrator.Command> orchestrator;
  private final ActorRef<Orchestrator.Reply> listener;
  private final ActorRef<Orchestrator.Reply> replies;

  /**
   * Creates a follower.
   *
   * @param orchestrator the cluster's, as {@link io.vmferry.cluster.ClusterNode} gives it
   */
  public static Behavior<Command> create(
      ClusterSettings settings,
      String id,
      ActorRef<Orchestrator.Command> orchestrator,
      ActorRef<Orchestrator.Reply> listener) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new AskAgain(), settings.followInterval());
                  return new MigrationFollower(
                          context, settings.nodeName(), id, orchestrator, listener)
                      .begin();
                }));
  }

  private MigrationFollower(
      ActorContext<Command> context,
      String nodeName,
      String id,
      ActorRef<Orchestrator.Command> orchestrator,
      ActorRef<Orchestrator.Reply> listener) {
    this.context = context;
    this.nodeName = nodeName;
    this.id = id;
    this.orchestrator = orchestrator;
    this.listener = listener;
    this.replies = context.messageAdapter(Orchestrator.Reply.class, Heard::new);
  }

  private Behavior<Command> begin() {
    context.watchWith(listener, new ListenerGone());
    Cluster.get(context.getSystem())
        .subscriptions()
        .tell(
            Subscribe.create(
                context.messageAdapter(SelfRemoved.class, removed -> new NodeRemoved()),
                SelfRemoved.class));
    ask();
    return following(null);
  }

  private Behavior<Command> following(@Nullable MigrationRecord last) {
    return Behaviors.receive(Command.class)
        .onMessage(Heard.class, m -> onHeard(m.reply(), last))
        .onMessage(AskAgain.class, m -> ask())
        .onMessage(ListenerGone.class, m -> Behaviors.stopped())
        .onMessage(NodeRemoved.class, m -> onNodeRemoved(last))
        .build();
  }

  private Behavior<Command> ask() {
    orchestrator.tell(new Orchestrator.Follow(id, replies));
    return Behaviors.same();
  }

  private Behavior<Command> onHeard(Orchestrator.Reply reply, @Nullable MigrationRecord last) {
    if (reply instanceof Orchestrator.Described described) {
      MigrationRecord record = described.record();
      if (!record.equals(last)) {
        listener.tell(described);
      }
      return record.hasEnded() ? Behaviors.stopped() : following(record);
    }
    if (reply instanceof Orchestrator.NoSuchMigration) {
      return end(last, Verdict::unfollowed);
    }
    context.getLog().error("The orchestrator answered Follow with {}", reply);
    return Behaviors.same();
  }

  private Behavior<Command> onNodeRemoved(@Nullable MigrationRecord last) {
    return end(last, record -> Verdict.unfollowedFrom(nodeName, record));
  }

  private Behavior<Command> end(
      @Nullable MigrationRecord last, Function<MigrationRecord, Verdict> verdict) {
    listener.tell(
        last == null
            ? new Orchestrator.NoSuchMigration(id)
            : new Orchestrator.Described(last.ended(verdict.apply(last), null, null)));
    return Behaviors.stopped();
  }
}
