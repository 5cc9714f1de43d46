package io.vmferry.daemon.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.actors.vm.VmInfo;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.pattern.Patterns;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node does when it stops, in Pekko's order of phases. */
final class NodeShutdown {
  private static final Logger LOG = LoggerFactory.getLogger(NodeShutdown.class);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

  private final ActorSystem<NodeGuardian.Command> system;
  private final NodeGuardian.Parts parts;
  private final LocalNode node;
  private final ServerBinding binding;
  private final DataDirectory data;
  private final OwnershipLedger ledger;
  private final Duration drainTimeout;

  NodeShutdown(
      ActorSystem<NodeGuardian.Command> system,
      NodeGuardian.Parts parts,
      LocalNode node,
      ServerBinding binding,
      DataDirectory data,
      OwnershipLedger ledger,
      Duration drainTimeout) {
    this.system = system;
    this.parts = parts;
    this.node = node;
    this.binding = binding;
    this.data = data;
    this.ledger = ledger;
    this.drainTimeout = drainTimeout;
  }

  void register(Duration httpEndLimit) {
    CoordinatedShutdown shutdown = CoordinatedShutdown.get(system);
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceUnbind(),
        "close-http",
        () -> {
          node.setReady(false);
          return binding.terminate(httpEndLimit).thenApply(NodeProcess::done);
        });
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceRequestsDone(), "end-migrations", this::endMigrations);
    shutdown.addTask(
        CoordinatedShutdown.PhaseServiceStop(),
        "fall-silent",
        () -> {
          system.tell(new NodeGuardian.FallSilent());
          return CompletableFuture.completedFuture(Done.getInstance());
        });
    shutdown.addTask(
        CoordinatedShutdown.PhaseBeforeActorSystemTerminate(),
        "end-guests",
        () ->
            endGuests()
                .thenApply(
                    done -> {
                      recordStop();
                      data.close();
                      return done;
                    }));
  }

  /** What has ended now did so because it was told to: no crash took it. */
  private void recordStop() {
    try {
      ledger.stop();
    } catch (IOException e) {
      LOG.error("That the node's guests ended with it cannot be written down", e);
    }
  }

  /**
   * Cancels what can be cancelled. A migration past that point, such as a source that still serves
   * pages of a guest that has moved, is waited for: its guest needs this node.
   */
  private CompletionStage<Done> endMigrations() {
    return cancelOnce()
        .thenCompose(migrating -> awaitNone(migrating, System.nanoTime() + drainTimeout.toNanos()));
  }

  private CompletionStage<List<VmInfo>> cancelOnce() {
    return migrating()
        .thenApply(
            vms -> {
              vms.forEach(this::cancel);
              return vms;
            });
  }

  private void cancel(VmInfo vm) {
    String id = vm.migrationId();
    if (id != null) {
      LOG.info("The node stops: migration {} of VM {} is cancelled", id, vm.spec().name());
      parts.host().tell(new VmHost.CancelMigration(id, system.ignoreRef()));
    }
  }

  private CompletionStage<Done> awaitNone(List<VmInfo> migrating, long deadline) {
    if (migrating.isEmpty()) {
      return CompletableFuture.completedFuture(Done.getInstance());
    }
    if (System.nanoTime() - deadline > 0) {
      LOG.warn("The node stops in the middle of migrations: {}", migrating);
      return CompletableFuture.completedFuture(Done.getInstance());
    }
    return Patterns.after(
        LOOK_AGAIN,
        system.classicSystem(),
        () -> migrating().thenCompose(left -> awaitNone(left, deadline)));
  }

  private CompletionStage<List<VmInfo>> migrating() {
    CompletionStage<VmHost.Reply> reply =
        AskPattern.ask(parts.host(), VmHost.ListVms::new, drainTimeout, system.scheduler());
    return reply.thenApply(
        answer ->
            ((VmHost.Listed) answer)
                .vms().stream().filter(vm -> vm.lifeCycle() == LifeCycle.MIGRATING).toList());
  }

  private CompletionStage<Done> endGuests() {
    return AskPattern.ask(system, NodeGuardian.EndGuests::new, drainTimeout, system.scheduler());
  }
}
