package io.vmferry.daemon.node;

import io.vmferry.actors.ownership.GuestRecord;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.ownership.OwnershipNote;
import io.vmferry.cluster.ClusterConfig;
import io.vmferry.cluster.ClusterNode;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.daemon.http.HttpListener;
import java.io.IOException;
import java.net.BindException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.SelfUp;
import org.apache.pekko.cluster.typed.Subscribe;
import org.apache.pekko.http.javadsl.ServerBinding;

/**
 * A running node. It stops when the JVM is told to (TERM, INT), in this order: no new requests,
 * migrations under way are cancelled or waited for, guests end and their memory is free, the node
 * leaves the cluster, the actors stop, its files are removed.
 */
public final class NodeProcess {
  private static final Duration START_LIMIT = Duration.ofSeconds(30);
  // What answers are still on their way once the port is closed; event streams are cut.
  private static final Duration HTTP_END_LIMIT = Duration.ofSeconds(1);

  private final String name;
  private final String httpUrl;
  private final String clusterAddress;
  private final List<String> remembered;
  private final ActorSystem<NodeGuardian.Command> system;

  private NodeProcess(
      String name,
      String httpUrl,
      String clusterAddress,
      List<String> remembered,
      ActorSystem<NodeGuardian.Command> system) {
    this.name = name;
    this.httpUrl = httpUrl;
    this.clusterAddress = clusterAddress;
    this.remembered = List.copyOf(remembered);
    this.system = system;
  }

  /**
   * Starts a node and waits until it is a member of its cluster and takes requests.
   *
   * @throws NodeFailure with one sentence for the user if it cannot start; nothing is left then
   */
  public static NodeProcess start(NodeSettings settings) {
    DataDirectory data = DataDirectory.open(settings.data());
    ActorSystem<NodeGuardian.Command> system = null;
    try {
      MigrationBoard board = new MigrationBoard(settings.history());
      OwnershipLedger ledger = read(data);
      List<String> remembered = ledger.guests().stream().map(NodeProcess::remembered).toList();
      system = createSystem(settings, data, board, ledger);
      return start(settings, system, board, data, ledger, remembered);
    } catch (RuntimeException e) {
      if (system != null) {
        stop(system);
      }
      data.close();
      throw e;
    }
  }

  private static OwnershipLedger read(DataDirectory data) {
    try {
      return OwnershipLedger.open(data.ownership());
    } catch (IOException e) {
      throw NodeFailure.host(
          "The records of who has which guest, in "
              + data.ownership()
              + ", cannot be read or written: mend them; without them a guest could run twice",
          e);
    }
  }

  private static String remembered(GuestRecord guest) {
    return "VM " + guest.spec().name() + ": " + OwnershipNote.ofLastRun(guest);
  }

  private static ActorSystem<NodeGuardian.Command> createSystem(
      NodeSettings settings, DataDirectory data, MigrationBoard board, OwnershipLedger ledger) {
    try {
      return ActorSystem.create(
          NodeGuardian.create(board, ledger),
          ClusterConfig.SYSTEM_NAME,
          settings.configWithRunDirectory(data.run()));
    } catch (RuntimeException e) {
      throw cannotListen("--cluster", settings.cluster(), e);
    }
  }

  private static NodeProcess start(
      NodeSettings settings,
      ActorSystem<NodeGuardian.Command> system,
      MigrationBoard board,
      DataDirectory data,
      OwnershipLedger ledger,
      List<String> remembered) {
    NodeGuardian.Parts parts =
        await(AskPattern.ask(system, NodeGuardian.GetParts::new, START_LIMIT, system.scheduler()));
    LocalNode node =
        new LocalNode(
            system.scheduler(),
            system,
            parts,
            board,
            settings.askTimeout(),
            settings.createTimeout());
    ServerBinding binding = bind(settings, system, node);
    String http = url(settings, binding);
    parts.cluster().agent().tell(new NodeAgent.AnnounceHttp(http));
    new NodeShutdown(system, parts, node, binding, data, ledger, settings.drainTimeout())
        .register(HTTP_END_LIMIT);
    join(settings, system);
    node.setReady(true);
    system.tell(new NodeGuardian.Rehearse(settings.rehearsals(), settings.rehearsedFaults()));
    return new NodeProcess(settings.name(), http, parts.cluster().address(), remembered, system);
  }

  private static ServerBinding bind(
      NodeSettings settings, ActorSystem<NodeGuardian.Command> system, LocalNode node) {
    try {
      return await(
          HttpListener.bind(
              system,
              settings.http().address().host(),
              settings.http().address().port(),
              node,
              settings.http().policy()));
    } catch (CompletionException e) {
      throw cannotListen("--http", settings.http().address(), e);
    }
  }

  /** Where commands reach it; on every address of the host it is the one of the cluster. */
  private static String url(NodeSettings settings, ServerBinding binding) {
    HostPort http = settings.http().address();
    boolean everywhere = http.address("--http").isAnyLocalAddress();
    return settings
        .http()
        .url(
            everywhere ? settings.cluster().host() : http.host(), binding.localAddress().getPort());
  }

  private static void join(NodeSettings settings, ActorSystem<NodeGuardian.Command> system) {
    List<String> seeds = settings.seeds().stream().map(HostPort::toString).toList();
    CompletionStage<SelfUp> up =
        AskPattern.ask(
            Cluster.get(system).subscriptions(),
            replyTo -> Subscribe.create(replyTo, SelfUp.class),
            settings.joinTimeout(),
            system.scheduler());
    ClusterNode.join(system, seeds);
    try {
      await(up);
    } catch (CompletionException e) {
      if (e.getCause() instanceof TimeoutException) {
        throw NodeFailure.host(
            "No cluster at "
                + String.join(", ", seeds)
                + " let this node in within "
                + settings.joinTimeout().toSeconds()
                + " s: check that a node runs there, with that --cluster address",
            e);
      }
      throw e;
    }
  }

  private static RuntimeException cannotListen(String flag, HostPort where, RuntimeException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof BindException) {
        String message = String.valueOf(cause.getMessage());
        boolean used = message.contains("in use");
        return NodeFailure.host(
            flag
                + " "
                + where
                + (used
                    ? " is in use: end what listens there, or give another port"
                    : " is no address of this host: " + message),
            e);
      }
    }
    return e;
  }

  /** The line that says the node is ready, and where. */
  public String readyLine() {
    return "vmferry node " + name + " is ready: " + httpUrl + ", cluster " + clusterAddress;
  }

  /** A line for each guest of the node's last run, and what became of it. */
  public List<String> remembered() {
    return remembered;
  }

  /**
   * Waits until the node has stopped.
   *
   * @return whether the JVM was told to stop; if not, the node stopped by a fault of its own
   */
  public boolean awaitEnd() throws InterruptedException {
    try {
      system.getWhenTerminated().toCompletableFuture().get();
      return CoordinatedShutdown.get(system)
          .getShutdownReason()
          .filter(reason -> reason == CoordinatedShutdown.jvmExitReason())
          .isPresent();
    } catch (ExecutionException e) {
      throw new IllegalStateException("an actor system always terminates", e);
    }
  }

  private static void stop(ActorSystem<?> system) {
    try {
      CoordinatedShutdown.get(system)
          .runAll(CoordinatedShutdown.unknownReason())
          .toCompletableFuture()
          .get(START_LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // The process ends anyway; why it could not start is what the user needs to hear.
      system.terminate();
    }
  }

  private static <T> T await(CompletionStage<T> stage) {
    return stage.toCompletableFuture().join();
  }

  /** Nothing of the answer matters. */
  static Done done(Object ignored) {
    return Done.getInstance();
  }
}
