package io.vmferry.cluster.testing;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeDirectory.Nodes;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.orchestrator.MigrationFollower;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.orchestrator.SendParams;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;

/** What tests do with nodes of a cluster: wait for what they see, migrate, follow. */
public final class Clusters {
  /** How long a test waits for anything; far above what it takes on a busy machine. */
  public static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Set<FailureCode> UNHEARD_OF =
      EnumSet.of(FailureCode.NO_SUCH_VM, FailureCode.INVALID_REQUEST, FailureCode.PEER_UNREACHABLE);

  private Clusters() {}

  /** Asks a node's directory until its answer is as wanted. */
  public static Nodes awaitNodes(TestNode node, Predicate<Nodes> condition) {
    TestProbe<Nodes> probe = node.probe(Nodes.class);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    Nodes nodes;
    do {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not as wanted in time");
      }
      node.node().directory().tell(new NodeDirectory.ListNodes(probe.getRef()));
      nodes = probe.receiveMessage(PATIENCE);
    } while (!condition.test(nodes));
    return nodes;
  }

  /** So many nodes are up. */
  public static Predicate<Nodes> reachable(int count) {
    return nodes -> nodes.nodes().stream().filter(NodeView::isReachable).count() == count;
  }

  /** So many nodes are up, and one of them, alone, holds the guest. */
  public static Predicate<Nodes> holding(int count, String vm, String holder) {
    return nodes ->
        reachable(count).test(nodes)
            && nodes.holdersOf(vm).stream().map(NodeView::name).toList().equals(List.of(holder));
  }

  /** Asks for a migration on a node. */
  public static Orchestrator.Reply migrate(TestNode node, String vm, String to) {
    TestProbe<Orchestrator.Reply> probe = node.probe(Orchestrator.Reply.class);
    SendParams params = SendParams.of(MemoryMode.PRECOPY);
    node.node().orchestrator().tell(new Orchestrator.Migrate(vm, to, params, probe.getRef()));
    return probe.receiveMessage(PATIENCE);
  }

  /** Begins a migration; follows it on that node. */
  public static TestProbe<Orchestrator.Reply> begin(TestNode node, String vm, String to) {
    return follow(node, migrate(node, vm, to));
  }

  /** As {@link #begin}, once an orchestrator in another process has heard of guest and nodes. */
  public static TestProbe<Orchestrator.Reply> beginOnceKnown(TestNode node, String vm, String to) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    Orchestrator.Reply reply;
    do {
      reply = migrate(node, vm, to);
    } while (System.nanoTime() < deadline
        && reply instanceof Orchestrator.Refused refused
        && UNHEARD_OF.contains(refused.code()));
    return follow(node, reply);
  }

  private static TestProbe<Orchestrator.Reply> follow(TestNode node, Orchestrator.Reply reply) {
    String id = assertInstanceOf(Orchestrator.Accepted.class, reply, reply::toString).record().id();
    TestProbe<Orchestrator.Reply> probe = node.probe(Orchestrator.Reply.class);
    node.spawn(
        MigrationFollower.create(
            node.node().settings(), id, node.node().orchestrator(), probe.getRef()));
    return probe;
  }

  /** Waits until the migration is as wanted. */
  public static MigrationRecord await(
      TestProbe<Orchestrator.Reply> follower, Predicate<MigrationRecord> condition) {
    MigrationRecord record;
    do {
      Orchestrator.Reply reply = follower.receiveMessage(PATIENCE);
      record = assertInstanceOf(Orchestrator.Described.class, reply, reply::toString).record();
    } while (!condition.test(record));
    return record;
  }

  /** Waits for its end. */
  public static MigrationRecord ending(TestProbe<Orchestrator.Reply> follower) {
    return await(follower, MigrationRecord::hasEnded);
  }
}
