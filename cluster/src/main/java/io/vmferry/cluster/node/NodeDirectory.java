package io.vmferry.cluster.node;

import io.vmferry.cluster.ClusterSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.UniqueAddress;
import org.apache.pekko.cluster.ddata.Key;
import org.apache.pekko.cluster.ddata.LWWMap;
import org.apache.pekko.cluster.ddata.LWWMapKey;
import org.apache.pekko.cluster.ddata.SelfUniqueAddress;
import org.apache.pekko.cluster.ddata.typed.javadsl.DistributedData;
import org.apache.pekko.cluster.ddata.typed.javadsl.Replicator;
import org.apache.pekko.cluster.ddata.typed.javadsl.ReplicatorMessageAdapter;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Subscribe;
import org.jspecify.annotations.Nullable;

/**
 * This node's picture of all nodes: replicates what the local agent publishes and answers from what
 * the others did. The replicated map's key is the node's incarnation, not its name: only the node
 * itself writes its entry, and the end of one run cannot take away the entry of the next.
 *
 * <p>One state: serving. An {@link AbstractBehavior} because its picture changes with every
 * message.
 */
public final class NodeDirectory extends AbstractBehavior<NodeDirectory.Command> {
  /** What the directory is asked, on its own node only. */
  public sealed interface Command {}

  /** Replicates this node's status. */
  public record Publish(NodeStatus status) implements Command {}

  /** All nodes. */
  public record ListNodes(ActorRef<Nodes> replyTo) implements Command {}

  /**
   * The members that have published a status.
   *
   * @param self the name of the node that answers
   * @param orchestrator the node that runs the orchestrator (the oldest), or null if that is not
   *     known yet
   * @param nodes by name
   */
  public record Nodes(String self, @Nullable String orchestrator, List<NodeView> nodes) {
    /** Copies the list. */
    public Nodes {
      nodes = List.copyOf(nodes);
    }

    /** The nodes of that name: one, unless two were given the same name. */
    public List<NodeView> named(String name) {
      return nodes.stream().filter(n -> n.name().equals(name)).toList();
    }

    /** The nodes that hold a guest of that name, in any state. */
    public List<NodeView> holdersOf(String vm) {
      return nodes.stream().filter(n -> n.status().guest(vm) != null).toList();
    }
  }

  record Replicated(Replicator.SubscribeResponse<LWWMap<String, NodeStatus>> response)
      implements Command {}

  record Updated(Replicator.UpdateResponse<LWWMap<String, NodeStatus>> response)
      implements Command {}

  record MemberChanged(ClusterEvent.MemberEvent event) implements Command {}

  private record Seen(NodeStatus status, long arrivedNanos) {}

  private static final Key<LWWMap<String, NodeStatus>> KEY =
      LWWMapKey.create("vmferry-node-status");

  private final ClusterSettings settings;
  private final Cluster cluster;
  private final SelfUniqueAddress self;
  private final ReplicatorMessageAdapter<Command, LWWMap<String, NodeStatus>> replicator;
  private final Map<String, Seen> seen = new HashMap<>();

  /** Creates the directory of a node whose actor system is a cluster's. */
  public static Behavior<Command> create(ClusterSettings settings) {
    return Behaviors.setup(
        context ->
            DistributedData.withReplicatorMessageAdapter(
                (ReplicatorMessageAdapter<Command, LWWMap<String, NodeStatus>> replicator) ->
                    new NodeDirectory(context, settings, replicator)));
  }

  private NodeDirectory(
      ActorContext<Command> context,
      ClusterSettings settings,
      ReplicatorMessageAdapter<Command, LWWMap<String, NodeStatus>> replicator) {
    super(context);
    this.settings = settings;
    this.replicator = replicator;
    this.cluster = Cluster.get(context.getSystem());
    this.self = DistributedData.get(context.getSystem()).selfUniqueAddress();
    replicator.subscribe(KEY, Replicated::new);
    cluster
        .subscriptions()
        .tell(
            Subscribe.create(
                context.messageAdapter(ClusterEvent.MemberEvent.class, MemberChanged::new),
                ClusterEvent.MemberEvent.class));
  }

  /** What a node's entry is called: its cluster address and the uid of this run. */
  public static String incarnationOf(UniqueAddress node) {
    return node.address() + "#" + node.longUid();
  }

  private static String incarnationOf(Member member) {
    return incarnationOf(member.uniqueAddress());
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Publish.class, this::onPublish)
        .onMessage(ListNodes.class, this::onListNodes)
        .onMessage(Replicated.class, this::onReplicated)
        .onMessage(Updated.class, this::onUpdated)
        .onMessage(MemberChanged.class, this::onMemberChanged)
        .build();
  }

  private Behavior<Command> onPublish(Publish message) {
    NodeStatus status = message.status();
    note(status);
    update(map -> map.put(self, status.incarnation(), status));
    return this;
  }

  private Behavior<Command> onReplicated(Replicated message) {
    if (message.response() instanceof Replicator.Changed<LWWMap<String, NodeStatus>> changed) {
      Map<String, NodeStatus> entries = changed.get(KEY).getEntries();
      String own = incarnationOf(self.uniqueAddress()); // its first entry may be under way
      seen.keySet().removeIf(key -> !entries.containsKey(key) && !key.equals(own));
      entries.values().forEach(this::note);
    }
    return this;
  }

  private void note(NodeStatus status) {
    Seen before = seen.get(status.incarnation());
    if (before == null || before.status().sequence() < status.sequence()) {
      seen.put(status.incarnation(), new Seen(status, System.nanoTime()));
    }
  }

  private Behavior<Command> onUpdated(Updated message) {
    if (!(message.response() instanceof Replicator.UpdateSuccess)) {
      getContext().getLog().warn("A status was not replicated: {}", message.response());
    }
    return this;
  }

  private Behavior<Command> onMemberChanged(MemberChanged message) {
    Member member = message.event().member();
    if (message.event() instanceof ClusterEvent.MemberRemoved) {
      if (member.uniqueAddress().equals(self.uniqueAddress())) {
        getContext()
            .getLog()
            .error(
                "This node was removed from the cluster. Its guests go on running; start the node"
                    + " again when they may stop, and it joins again");
      }
      String gone = incarnationOf(member);
      seen.remove(gone);
      update(map -> map.contains(gone) ? map.remove(self, gone) : map);
    }
    return this;
  }

  private void update(UnaryOperator<LWWMap<String, NodeStatus>> change) {
    replicator.askUpdate(
        replyTo ->
            new Replicator.Update<>(KEY, LWWMap.empty(), Replicator.writeLocal(), replyTo, change),
        Updated::new);
  }

  private Behavior<Command> onListNodes(ListNodes message) {
    ClusterEvent.CurrentClusterState state = cluster.state();
    Set<Member> unreachable = state.getUnreachable();
    List<NodeView> nodes = new ArrayList<>();
    Member oldest = null;
    for (Member member : state.getMembers()) {
      Seen entry = seen.get(incarnationOf(member));
      if (entry != null) {
        nodes.add(view(entry, member, !unreachable.contains(member)));
      }
      if (canHoldSingleton(member) && (oldest == null || member.isOlderThan(oldest))) {
        oldest = member;
      }
    }
    nodes.sort(Comparator.comparing(NodeView::name));
    message.replyTo().tell(new Nodes(settings.nodeName(), nameOf(oldest), nodes));
    return this;
  }

  private NodeView view(Seen entry, Member member, boolean reachable) {
    Duration age = Duration.ofNanos(System.nanoTime() - entry.arrivedNanos());
    return new NodeView(
        entry.status(),
        Membership.of(member.status(), reachable),
        age,
        age.compareTo(settings.staleAfter()) > 0);
  }

  private static boolean canHoldSingleton(Member member) {
    return member.status().equals(MemberStatus.up())
        || member.status().equals(MemberStatus.leaving());
  }

  private @Nullable String nameOf(@Nullable Member member) {
    Seen entry = member == null ? null : seen.get(incarnationOf(member));
    return entry == null ? null : entry.status().name();
  }
}
