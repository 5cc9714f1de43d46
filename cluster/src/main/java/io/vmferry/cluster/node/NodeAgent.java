package io.vmferry.cluster.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.CborSerializable;
import io.vmferry.cluster.ClusterSettings;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * Speaks for one node: tells the directory what the node's VM host holds, on a timer and when it
 * changed, and starts its side of a migration when the orchestrator asks.
 *
 * <p>One state: serving. An {@link AbstractBehavior} because what it last saw and last published
 * changes with every message. docs/architecture.md, Cluster.
 */
public final class NodeAgent extends AbstractBehavior<NodeAgent.Command> {
  /** What an agent is asked. */
  public sealed interface Command extends CborSerializable {}

  /** What the node holds now, asked of its VM host for this answer. */
  public record GetStatus(ActorRef<StatusReply> replyTo) implements Command {}

  /**
   * Waits for a guest; {@code follower} hears {@link SessionReport.Started} with the address to
   * dial, or a refusal, and then the session's events.
   *
   * @param vm the name the guest gets here
   */
  public record PrepareReceive(
      String vm, MemoryMode mode, boolean verify, ActorRef<SessionReport> follower)
      implements Command {}

  /** Sends a guest; {@code follower} as for {@link PrepareReceive}. */
  public record StartSend(String vm, SendOptions options, ActorRef<SessionReport> follower)
      implements Command {}

  /** Looks at the host now; for those on this node who know that something changed. */
  public record Refresh() implements Command {}

  /** Tells the other nodes where this node's management routes listen. */
  public record AnnounceHttp(String httpUrl) implements Command {}

  /** An answer to {@link GetStatus}. */
  public sealed interface StatusReply extends CborSerializable {}

  /** What the node holds. */
  public record Status(NodeStatus status) implements StatusReply {}

  /** The node's VM host does not answer. */
  public record StatusUnavailable(String node, String reason) implements StatusReply {}

  record HostListed(
      long look,
      VmHost.@Nullable Reply reply,
      @Nullable Throwable failure,
      @Nullable ActorRef<StatusReply> replyTo)
      implements Command {}

  record Tick() implements Command {}

  private final ClusterSettings settings;
  private final String address;
  private final String incarnation;
  private final HostFacts facts;
  private final ActorRef<VmHost.Command> host;
  private final ActorRef<NodeDirectory.Command> directory;
  private @Nullable String httpUrl;
  private @Nullable NodeStatus published;
  private long publishedNanos;
  // Questions to the host are numbered, and so are statuses, by the question: the answers may
  // overtake each other.
  private long looks;
  private long answeredLook;

  /**
   * Creates the agent.
   *
   * @param address host:port of the node's cluster address
   * @param incarnation the cluster address and the uid of this run
   * @param facts where it looks at the host
   * @param host the node's virtual machines
   * @param directory takes what it publishes
   */
  public static Behavior<Command> create(
      ClusterSettings settings,
      String address,
      String incarnation,
      HostFacts facts,
      ActorRef<VmHost.Command> host,
      ActorRef<NodeDirectory.Command> directory) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new NodeAgent(
                        context, timers, settings, address, incarnation, facts, host, directory)));
  }

  private NodeAgent(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ClusterSettings settings,
      String address,
      String incarnation,
      HostFacts facts,
      ActorRef<VmHost.Command> host,
      ActorRef<NodeDirectory.Command> directory) {
    super(context);
    this.settings = settings;
    this.address = address;
    this.incarnation = incarnation;
    this.facts = facts;
    this.host = host;
    this.directory = directory;
    timers.startTimerWithFixedDelay(new Tick(), settings.refreshInterval());
    look(null);
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Tick.class, m -> look(null))
        .onMessage(Refresh.class, m -> look(null))
        .onMessage(GetStatus.class, m -> look(m.replyTo()))
        .onMessage(HostListed.class, this::onHostListed)
        .onMessage(AnnounceHttp.class, this::onAnnounceHttp)
        .onMessage(PrepareReceive.class, this::onPrepareReceive)
        .onMessage(StartSend.class, this::onStartSend)
        .build();
  }

  private Behavior<Command> look(@Nullable ActorRef<StatusReply> replyTo) {
    long look = ++looks;
    getContext()
        .ask(
            VmHost.Reply.class,
            host,
            settings.hostTimeout(),
            VmHost.ListVms::new,
            (reply, failure) -> new HostListed(look, reply, failure, replyTo));
    return this;
  }

  private Behavior<Command> onHostListed(HostListed message) {
    if (!(message.reply() instanceof VmHost.Listed listed)) {
      // Nothing is published: that the status grows stale is what the other nodes should see.
      getContext().getLog().warn("The VM host does not answer", message.failure());
      return unavailable(message.replyTo(), "its VM host does not answer");
    }
    try {
      NodeStatus status = describe(listed, facts.read(), message.look());
      if (message.look() > answeredLook) {
        answeredLook = message.look();
        publish(status);
      }
      if (message.replyTo() != null) {
        message.replyTo().tell(new Status(status));
      }
      return this;
    } catch (IOException e) {
      getContext().getLog().warn("The host cannot be looked at", e);
      return unavailable(message.replyTo(), "it cannot tell its capacity");
    }
  }

  private Behavior<Command> unavailable(@Nullable ActorRef<StatusReply> replyTo, String reason) {
    if (replyTo != null) {
      replyTo.tell(new StatusUnavailable(settings.nodeName(), reason));
    }
    return this;
  }

  private NodeStatus describe(VmHost.Listed listed, Host now, long look) {
    List<GuestStatus> guests = listed.vms().stream().map(GuestStatus::of).toList();
    return new NodeStatus(
        settings.nodeName(),
        address,
        incarnation,
        httpUrl,
        now,
        guests,
        look,
        getContext().getSelf());
  }

  private void publish(NodeStatus status) {
    boolean due = System.nanoTime() - publishedNanos >= settings.publishInterval().toNanos();
    if (published == null || due || !published.saysTheSameAs(status)) {
      published = status;
      publishedNanos = System.nanoTime();
      directory.tell(new NodeDirectory.Publish(status));
    }
  }

  private Behavior<Command> onAnnounceHttp(AnnounceHttp message) {
    httpUrl = message.httpUrl();
    return look(null);
  }

  private Behavior<Command> onPrepareReceive(PrepareReceive message) {
    MigrationAddress bound = new MigrationAddress(settings);
    ReceiveOptions options;
    try {
      options =
          new ReceiveOptions(
              bound.listen(message.mode()),
              message.mode(),
              message.verify(),
              true,
              message.vm(),
              false,
              message.mode() == MemoryMode.LOCAL ? null : settings.tlsDir());
    } catch (IOException | IllegalArgumentException e) {
      getContext().getLog().error("No address to receive {} at", message.vm(), e);
      message
          .follower()
          .tell(
              new SessionReport.Refused(
                  SessionSide.DESTINATION,
                  FailureCode.ADDRESS_UNUSABLE,
                  Objects.requireNonNullElse(e.getMessage(), e.toString())));
      return this;
    }
    relay(
        SessionSide.DESTINATION,
        message.follower(),
        bound,
        (events, replies) -> new VmHost.ReceiveVm(options, events, replies));
    return this;
  }

  private Behavior<Command> onStartSend(StartSend message) {
    SendOptions options = message.options();
    SendOptions own =
        options.mode() == MemoryMode.LOCAL
            ? options
            : options.toBuilder().tlsDir(settings.tlsDir()).build();
    relay(
        SessionSide.SOURCE,
        message.follower(),
        new MigrationAddress(settings),
        (events, replies) -> new VmHost.SendVm(message.vm(), own, events, replies));
    return this;
  }

  private void relay(
      SessionSide side,
      ActorRef<SessionReport> follower,
      MigrationAddress migrationAddress,
      SessionRelay.Start start) {
    getContext()
        .spawnAnonymous(
            SessionRelay.create(
                settings,
                side,
                host,
                follower,
                url -> side == SessionSide.SOURCE ? url : migrationAddress.advertised(url),
                getContext().getSelf(),
                start));
  }
}
