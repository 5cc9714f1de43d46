package io.vmferry.cluster;

import io.vmferry.actors.VmHost;
import io.vmferry.cluster.node.HostFacts;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.orchestrator.Orchestrator;
import java.util.List;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.SupervisorStrategy;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.ClusterSingleton;
import org.apache.pekko.cluster.typed.Join;
import org.apache.pekko.cluster.typed.JoinSeedNodes;
import org.apache.pekko.cluster.typed.SingletonActor;

/**
 * The cluster part of a node's process, started by the process's guardian.
 *
 * @param settings its settings
 * @param address host:port of its cluster address
 * @param agent speaks for the node
 * @param directory knows the other nodes
 * @param orchestrator the cluster's orchestrator, wherever it runs; messages wait here while it
 *     moves
 */
public record ClusterNode(
    ClusterSettings settings,
    String address,
    ActorRef<NodeAgent.Command> agent,
    ActorRef<NodeDirectory.Command> directory,
    ActorRef<Orchestrator.Command> orchestrator) {

  /**
   * Starts it. The node is not a member before {@link #join}.
   *
   * @param context the guardian's; agent and directory become its children
   * @param host the node's virtual machines
   * @param facts where the node's capacity is read
   */
  public static ClusterNode start(
      ActorContext<?> context, ActorRef<VmHost.Command> host, HostFacts facts) {
    ActorSystem<?> system = context.getSystem();
    var self = Cluster.get(system).selfMember().uniqueAddress();
    String clusterHost = self.address().getHost().orElseThrow();
    int clusterPort = self.address().getPort().orElseThrow();
    ClusterSettings settings =
        ClusterSettings.from(system.settings().config(), clusterHost, clusterPort);
    String address = clusterHost + ":" + clusterPort;
    ActorRef<NodeDirectory.Command> directory =
        context.spawn(restarted(NodeDirectory.create(settings)), "node-directory");
    ActorRef<NodeAgent.Command> agent =
        context.spawn(
            restarted(
                NodeAgent.create(
                    settings, address, NodeDirectory.incarnationOf(self), facts, host, directory)),
            "node-agent");
    ActorRef<Orchestrator.Command> orchestrator =
        ClusterSingleton.get(system)
            .init(
                SingletonActor.of(
                    restarted(Orchestrator.create(settings, directory)), "orchestrator"));
    return new ClusterNode(settings, address, agent, directory, orchestrator);
  }

  /**
   * Joins a cluster, or begins one.
   *
   * @param seeds {@code host:port} of members to join through; empty to begin a cluster of one. A
   *     node whose own address is the first seed begins a cluster if no other seed answers.
   * @throws IllegalArgumentException with one sentence for the user if a seed is no {@code
   *     host:port}
   */
  public static void join(ActorSystem<?> system, List<String> seeds) {
    Cluster cluster = Cluster.get(system);
    Address self = cluster.selfMember().address();
    if (seeds.isEmpty()) {
      cluster.manager().tell(Join.create(self));
    } else {
      List<Address> addresses = seeds.stream().map(seed -> address(self, seed)).toList();
      cluster.manager().tell(new JoinSeedNodes(addresses));
    }
  }

  private static Address address(Address self, String seed) {
    int colon = seed.lastIndexOf(':');
    try {
      int port = Integer.parseInt(seed.substring(colon + 1));
      if (colon > 0 && port > 0 && port < 65536) {
        return new Address(self.protocol(), self.system(), seed.substring(0, colon), port);
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(noSeed(seed), e);
    }
    throw new IllegalArgumentException(noSeed(seed));
  }

  private static String noSeed(String seed) {
    return "A seed is host:port, not '" + seed + "'";
  }

  private static <T> Behavior<T> restarted(Behavior<T> behavior) {
    return Behaviors.supervise(behavior).onFailure(SupervisorStrategy.restart());
  }
}
