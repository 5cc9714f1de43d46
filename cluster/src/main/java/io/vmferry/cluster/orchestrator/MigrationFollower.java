package io.vmferry.cluster.orchestrator;

import io.vmferry.cluster.ClusterSettings;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * Follows one migration for a listener on its own node, to the ending, whatever becomes of the
 * orchestrator. It asks again and again, so a lost message is made up for, and an orchestrator that
 * was lost and began anew is noticed: the listener is told so then, with the guest's location
 * unknown.
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

  private final ActorContext<Command> context;
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
                  return new MigrationFollower(context, id, orchestrator, listener).begin();
                }));
  }

  private MigrationFollower(
      ActorContext<Command> context,
      String id,
      ActorRef<Orchestrator.Command> orchestrator,
      ActorRef<Orchestrator.Reply> listener) {
    this.context = context;
    this.id = id;
    this.orchestrator = orchestrator;
    this.listener = listener;
    this.replies = context.messageAdapter(Orchestrator.Reply.class, Heard::new);
  }

  private Behavior<Command> begin() {
    context.watchWith(listener, new ListenerGone());
    ask();
    return following(null);
  }

  private Behavior<Command> following(@Nullable MigrationRecord last) {
    return Behaviors.receive(Command.class)
        .onMessage(Heard.class, m -> onHeard(m.reply(), last))
        .onMessage(AskAgain.class, m -> ask())
        .onMessage(ListenerGone.class, m -> Behaviors.stopped())
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
      listener.tell(
          last == null
              ? reply
              : new Orchestrator.Described(last.ended(Verdict.unfollowed(last), null, null)));
      return Behaviors.stopped();
    }
    context.getLog().error("The orchestrator answered Follow with {}", reply);
    return Behaviors.same();
  }
}
