package io.vmferry.cluster.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestNode;
import io.vmferry.cluster.testing.TestSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.MemberStatus;
import org.apache.pekko.cluster.ddata.LWWMapKey;
import org.apache.pekko.cluster.ddata.typed.javadsl.Replicator;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Join;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A cluster of one. */
class NodeDirectoryTest {
  private static final ActorTestKit KIT = ActorTestKit.create("vmferry", TestSettings.config());
  private static final Cluster CLUSTER = Cluster.get(KIT.system());
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @BeforeAll
  static void join() {
    CLUSTER.manager().tell(Join.create(CLUSTER.selfMember().address()));
    KIT.createTestProbe()
        .awaitAssert(
            PATIENCE,
            () -> {
              assertEquals(MemberStatus.up(), CLUSTER.selfMember().status());
              assertTrue(CLUSTER.state().members().contains(CLUSTER.selfMember()));
              return null;
            });
  }

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private static ActorRef<NodeDirectory.Command> directory(
      TestProbe<Seen> observer, String overrides) {
    return KIT.spawn(
        MessageWatch.of(
            NodeDirectory.Command.class,
            observer.getRef(),
            NodeDirectory.create(TestSettings.settings("node-name = a, " + overrides))));
  }

  private static NodeStatus status(long sequence, List<GuestStatus> guests) {
    return new NodeStatus(
        "a",
        "127.0.0.1:1",
        NodeDirectory.incarnationOf(CLUSTER.selfMember().uniqueAddress()),
        null,
        TestNode.host("one"),
        guests,
        sequence,
        KIT.system().deadLetters());
  }

  private static NodeDirectory.Nodes list(ActorRef<NodeDirectory.Command> directory) {
    TestProbe<NodeDirectory.Nodes> asker = KIT.createTestProbe();
    directory.tell(new NodeDirectory.ListNodes(asker.getRef()));
    return asker.receiveMessage(PATIENCE);
  }

  @Test
  void namesEveryMessage() {
    LWWMapKey<String, NodeStatus> key = new LWWMapKey<>("vmferry-node-status");
    Samples samples =
        new Samples(
            KIT.system().deadLetters(),
            Map.of(
                Replicator.SubscribeResponse.class,
                new Replicator.Deleted<>(key),
                Replicator.UpdateResponse.class,
                new Replicator.UpdateTimeout<>(key),
                ClusterEvent.MemberEvent.class,
                new ClusterEvent.MemberUp(CLUSTER.selfMember().copy(MemberStatus.up()))));

    MessageWatch.assertEveryMessageIsHandled(
        KIT, NodeDirectory.Command.class, samples, observer -> directory(observer, ""));
  }

  @Test
  void keepsTheNewestOfWhatANodeSaysOfItself() {
    long newer = System.nanoTime(); // above what another test has published for this node
    ActorRef<NodeDirectory.Command> directory = directory(KIT.createTestProbe(), "");
    GuestStatus guest =
        (GuestStatus) new Samples(KIT.system().deadLetters(), Map.of()).sample(GuestStatus.class);

    directory.tell(new NodeDirectory.Publish(status(newer, List.of(guest))));
    directory.tell(new NodeDirectory.Publish(status(newer - 1, List.of())));

    NodeDirectory.Nodes nodes = list(directory);
    assertEquals("a", nodes.self());
    assertEquals(1, nodes.named("a").size());
    assertEquals(1, nodes.holdersOf(guest.name()).size());
    assertFalse(nodes.nodes().get(0).stale());
  }

  @Test
  void aStatusGrowsStale() {
    ActorRef<NodeDirectory.Command> directory =
        directory(KIT.createTestProbe(), "stale-after = 0s");

    directory.tell(new NodeDirectory.Publish(status(System.nanoTime(), List.of())));

    assertTrue(list(directory).nodes().get(0).stale());
  }
}
