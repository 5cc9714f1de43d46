package io.vmferry.daemon.node;

import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.orchestrator.Orchestrator;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;

/** A node's part of a cluster whose actors are a test's. */
final class TestCluster {
  private TestCluster() {}

  static ClusterNode node(
      ActorTestKit kit,
      ActorRef<NodeDirectory.Command> directory,
      ActorRef<Orchestrator.Command> orchestrator) {
    NodeSettings settings =
        NodeSettings.read(
            new NodeFlags(
                null,
                "n",
                HttpFlags.at("127.0.0.1:0"),
                "127.0.0.1:0",
                List.of(),
                null,
                null,
                null));
    return new ClusterNode(
        ClusterSettings.from(settings.config(), "127.0.0.1", 1),
        "127.0.0.1:1",
        kit.createTestProbe(NodeAgent.Command.class).getRef(),
        directory,
        orchestrator);
  }
}
