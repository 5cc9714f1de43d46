package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.CborSerializable;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.cluster.node.NodeDirectory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/**
 * Runs the migrations between nodes; one per cluster, on its oldest node. Each migration is a
 * child, {@link MigrationRun}; this actor keeps their records and tells those who follow them.
 *
 * <p>Its records live in its memory: when its node is lost the next orchestrator begins with none,
 * the sessions on the nodes run to their ends, and followers are told (docs/architecture.md,
 * Cluster).
 *
 * <p>One state: serving. An {@link AbstractBehavior} because the records change with every message.
 */
public final class Orchestrator extends AbstractBehavior<Orchestrator.Command> {
  /** What the orchestrator is asked, from any node. */
  public sealed interface Command extends CborSerializable {}

  /**
   * Moves a guest; answered {@link Accepted} once it is known that it can be tried, or {@link
   * Refused}.
   */
  public record Migrate(String vm, String toNode, SendParams params, ActorRef<Reply> replyTo)
      implements Command {}

  /** One migration; answered {@link Described} or {@link NoSuchMigration}. */
  public record GetMigration(String id, ActorRef<Reply> replyTo) implements Command {}

  /** All it remembers, oldest first; answered {@link Listed}. */
  public record ListMigrations(ActorRef<Reply> replyTo) implements Command {}

  /**
   * Follows one: {@code follower} hears {@link Described} now and after every change, the last with
   * an outcome; or {@link NoSuchMigration}. Asking again is allowed. {@link MigrationFollower} does
   * this and copes with an orchestrator that moved.
   */
  public record Follow(String id, ActorRef<Reply> follower) implements Command {}

  /**
   * Cancels one; answered {@link Described} (on its way: the ending says whether it came in time),
   * {@link Refused} if it has ended, or {@link NoSuchMigration}.
   */
  public record CancelMigration(String id, ActorRef<Reply> replyTo) implements Command {}

  /**
   * Ends the rounds of a hybrid migration; answered {@link Described} (on its way), {@link Refused}
   * if it has ended or is of another mode, or {@link NoSuchMigration}.
   */
  public record SwitchToPostcopy(String id, ActorRef<Reply> replyTo) implements Command {}

  record RunAdmitted(MigrationRecord record, ActorRef<Reply> replyTo) implements Command {}

  record RunRefused(String id, Refused refused, ActorRef<Reply> replyTo) implements Command {}

  record RunChanged(MigrationRecord record) implements Command {}

  record RunStopped(String id) implements Command {}

  record FollowerGone(ActorRef<Reply> follower) implements Command {}

  /** What the orchestrator answers. */
  public sealed interface Reply extends CborSerializable {}

  /** It is being tried. */
  public record Accepted(MigrationRecord record) implements Reply {}

  /** Refused, and nothing changed. {@code reason} is one sentence for the user. */
  public record Refused(FailureCode code, String reason) implements Reply {}

  /** One migration. */
  public record Described(MigrationRecord record) implements Reply {}

  /** Several, oldest first. */
  public record Listed(List<MigrationRecord> records) implements Reply {
    /** Copies the list. */
    public Listed {
      records = List.copyOf(records);
    }
  }

  /** This orchestrator knows none of that id. */
  public record NoSuchMigration(String id) implements Reply {}

  private record Active(String vm, ActorRef<MigrationRun.Command> run, ActorRef<Reply> requester) {}

  private final ClusterSettings settings;
  private final ActorRef<NodeDirectory.Command> directory;
  private final Map<String, Active> active = new HashMap<>();
  private final Map<String, MigrationRecord> records = new LinkedHashMap<>();
  private final Map<String, Set<ActorRef<Reply>>> followers = new HashMap<>();

  /**
   * Creates the orchestrator.
   *
   * @param directory the directory of the node it runs on
   */
  public static Behavior<Command> create(
      ClusterSettings settings, ActorRef<NodeDirectory.Command> directory) {
    return Behaviors.setup(context -> new Orchestrator(context, settings, directory));
  }

  private Orchestrator(
      ActorContext<Command> context,
      ClusterSettings settings,
      ActorRef<NodeDirectory.Command> directory) {
    super(context);
    this.settings = settings;
    this.directory = directory;
    context.getLog().info("The orchestrator runs on node {}", settings.nodeName());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Migrate.class, this::onMigrate)
        .onMessage(GetMigration.class, m -> describe(m.id(), m.replyTo()))
        .onMessage(ListMigrations.class, this::onList)
        .onMessage(Follow.class, this::onFollow)
        .onMessage(
            CancelMigration.class, m -> steer(m.id(), new MigrationRun.Cancel(), m.replyTo()))
        .onMessage(SwitchToPostcopy.class, this::onSwitchToPostcopy)
        .onMessage(RunAdmitted.class, this::onAdmitted)
        .onMessage(RunRefused.class, this::onRefused)
        .onMessage(RunChanged.class, this::onChanged)
        .onMessage(RunStopped.class, this::onStopped)
        .onMessage(FollowerGone.class, this::onFollowerGone)
        .build();
  }

  private Behavior<Command> onMigrate(Migrate message) {
    for (Map.Entry<String, Active> other : active.entrySet()) {
      if (other.getValue().vm().equals(message.vm())) {
        String reason =
            "VM " + message.vm() + " is being migrated already, as " + other.getKey() + ".";
        message.replyTo().tell(new Refused(FailureCode.WRONG_STATE, reason));
        return this;
      }
    }
    String id = "m-" + UUID.randomUUID().toString().substring(0, 8);
    ActorRef<MigrationRun.Command> run =
        getContext()
            .spawn(
                MigrationRun.create(settings, id, message, directory, getContext().getSelf()), id);
    getContext().watchWith(run, new RunStopped(id));
    active.put(id, new Active(message.vm(), run, message.replyTo()));
    return this;
  }

  private Behavior<Command> onAdmitted(RunAdmitted message) {
    MigrationRecord record = message.record();
    getContext()
        .getLog()
        .info(
            "Migration {}: VM {} from {} to {}, {}",
            record.id(),
            record.vm(),
            record.from(),
            record.to(),
            record.params());
    remember(record);
    message.replyTo().tell(new Accepted(record));
    return this;
  }

  private Behavior<Command> onRefused(RunRefused message) {
    active.remove(message.id());
    message.replyTo().tell(message.refused());
    return this;
  }

  private Behavior<Command> onChanged(RunChanged message) {
    MigrationRecord record = message.record();
    remember(record);
    Set<ActorRef<Reply>> listeners = followers.getOrDefault(record.id(), Set.of());
    listeners.forEach(follower -> follower.tell(new Described(record)));
    if (record.hasEnded()) {
      active.remove(record.id());
      followers.remove(record.id());
      listeners.stream().filter(f -> !follows(f)).forEach(getContext()::unwatch);
      logEnding(record);
    }
    return this;
  }

  private void logEnding(MigrationRecord record) {
    if (record.outcome() == MigrationOutcome.FAILED) {
      getContext().getLog().error("Migration {} failed: {}", record.id(), record.failure());
    } else {
      getContext().getLog().info("Migration {} is {}", record.id(), record.outcome());
    }
  }

  /**
   * A run that stopped without an ending has a fault of its own: nobody knows where the guest is,
   * unless nobody was asked to move it yet.
   */
  private Behavior<Command> onStopped(RunStopped message) {
    MigrationRecord record = records.get(message.id());
    Active stopped = active.remove(message.id());
    if (record != null && !record.hasEnded()) {
      return onChanged(new RunChanged(record.ended(Verdict.unfollowed(record), null, null)));
    }
    if (record == null && stopped != null) {
      String reason = "The orchestrator could not decide on this migration; its log says why.";
      stopped.requester().tell(new Refused(FailureCode.INTERNAL, reason));
    }
    return this;
  }

  private Behavior<Command> onList(ListMigrations message) {
    message.replyTo().tell(new Listed(new ArrayList<>(records.values())));
    return this;
  }

  private Behavior<Command> describe(String id, ActorRef<Reply> replyTo) {
    MigrationRecord record = records.get(id);
    replyTo.tell(record == null ? new NoSuchMigration(id) : new Described(record));
    return this;
  }

  private Behavior<Command> onFollow(Follow message) {
    MigrationRecord record = records.get(message.id());
    if (record != null && !record.hasEnded()) {
      if (!follows(message.follower())) {
        getContext().watchWith(message.follower(), new FollowerGone(message.follower()));
      }
      followers.computeIfAbsent(message.id(), id -> new LinkedHashSet<>()).add(message.follower());
    }
    return describe(message.id(), message.follower());
  }

  private Behavior<Command> onFollowerGone(FollowerGone message) {
    followers.values().forEach(listeners -> listeners.remove(message.follower()));
    return this;
  }

  private boolean follows(ActorRef<Reply> follower) {
    return followers.values().stream().anyMatch(listeners -> listeners.contains(follower));
  }

  private Behavior<Command> onSwitchToPostcopy(SwitchToPostcopy message) {
    MigrationRecord record = records.get(message.id());
    if (record != null && record.params().mode() != MemoryMode.HYBRID) {
      String reason =
          "Migration " + message.id() + " was not started in hybrid mode and cannot switch.";
      message.replyTo().tell(new Refused(FailureCode.WRONG_STATE, reason));
      return this;
    }
    return steer(message.id(), new MigrationRun.SwitchToPostcopy(), message.replyTo());
  }

  /** Tells a migration under way something. */
  private Behavior<Command> steer(
      String id, MigrationRun.Command command, ActorRef<Reply> replyTo) {
    Active run = active.get(id);
    if (run != null) {
      run.run().tell(command);
    } else if (records.containsKey(id)) {
      replyTo.tell(new Refused(FailureCode.WRONG_STATE, "Migration " + id + " has ended already."));
      return this;
    }
    return describe(id, replyTo);
  }

  private void remember(MigrationRecord record) {
    records.put(record.id(), record);
    if (records.size() > settings.history()) {
      records.values().stream()
          .filter(MigrationRecord::hasEnded)
          .findFirst()
          .ifPresent(oldest -> records.remove(oldest.id()));
    }
  }
}
