package io.vmferry.cluster.testing;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.vmferry.cluster.ClusterConfig;
import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.node.Host;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** A node of a real cluster on loopback, with a pretended VM host. */
public final class TestNode implements AutoCloseable {
  private final FakeScript script = new FakeScript();
  private final FakeGuests guests = new FakeGuests();
  private final ActorSystem<Void> system;
  private final ActorTestKit kit;
  private final ClusterNode node;

  private TestNode(String name, Host host, Path runDirectory) {
    Config config =
        ClusterConfig.load(
            ConfigFactory.parseString("vmferry.cluster.run-directory = \"" + runDirectory + "\"")
                .withFallback(ClusterConfig.node(name, "127.0.0.1", 0))
                .withFallback(TestSettings.QUICK));
    CompletableFuture<ClusterNode> started = new CompletableFuture<>();
    system =
        ActorSystem.create(
            Behaviors.setup(
                context -> {
                  started.complete(
                      ClusterNode.start(
                          context,
                          context.spawn(FakeVmHost.create(script, guests), "vm-host"),
                          () -> host));
                  return Behaviors.empty();
                }),
            ClusterConfig.SYSTEM_NAME,
            config);
    kit = ActorTestKit.create(system);
    node = started.join();
  }

  /** A host with memory for everything. */
  public static Host host(String hostId) {
    return new Host(hostId, "kvm", 2, 8L << 30, 4L << 30, 0, 0);
  }

  /** Starts a node and joins; it may not be up yet. */
  public static TestNode start(String name, Path runDirectory, Host host, String... seeds) {
    TestNode node = new TestNode(name, host, runDirectory);
    ClusterNode.join(node.system, List.of(seeds));
    return node;
  }

  /** The cluster part. */
  public ClusterNode node() {
    return node;
  }

  /** host:port. */
  public String address() {
    return node.address();
  }

  /** The node's actor system. */
  public ActorSystem<Void> system() {
    return system;
  }

  /** How its VM host behaves. */
  public FakeScript script() {
    return script;
  }

  /** What its VM host holds. */
  public FakeGuests guests() {
    return guests;
  }

  /** A probe on this node. */
  public <T> TestProbe<T> probe(Class<T> type) {
    return kit.createTestProbe(type);
  }

  /** An actor on this node. */
  public <T> ActorRef<T> spawn(org.apache.pekko.actor.typed.Behavior<T> behavior) {
    return kit.spawn(behavior);
  }

  /** Is gone at once, without leaving the cluster, and its session says nothing of its own end. */
  public void vanish() {
    script.dead = true;
    close();
  }

  @Override
  public void close() {
    ActorTestKit.shutdown(system, Duration.ofSeconds(20));
  }
}
