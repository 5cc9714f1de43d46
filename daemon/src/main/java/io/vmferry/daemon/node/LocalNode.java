package io.vmferry.daemon.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.ReceiveOptions;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.VmInfo;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.orchestrator.SendParams;
import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.ConsoleView;
import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.VmList;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.http.NodeApi;
import io.vmferry.daemon.http.ProblemException;
import io.vmferry.daemon.http.VmChange;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.pekko.Done;
import org.apache.pekko.NotUsed;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Scheduler;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.stream.javadsl.Source;
import org.jspecify.annotations.Nullable;

/**
 * Answers the routes from this node's actors and the cluster's orchestrator. A migration of the
 * orchestrator's can be asked about at every node; a session that was started here, only here.
 */
final class LocalNode implements NodeApi {
  private final Scheduler scheduler;
  private final ActorRef<NodeGuardian.Command> guardian;
  private final NodeGuardian.Parts parts;
  private final MigrationBoard board;
  private final Duration askTimeout;
  private final Duration createTimeout;
  private volatile boolean ready;

  /**
   * Creates it; it is not ready yet.
   *
   * @param guardian keeps the board up to date
   * @param askTimeout how long the actors may take to answer
   * @param createTimeout how long creating a VM may take
   */
  LocalNode(
      Scheduler scheduler,
      ActorRef<NodeGuardian.Command> guardian,
      NodeGuardian.Parts parts,
      MigrationBoard board,
      Duration askTimeout,
      Duration createTimeout) {
    this.scheduler = scheduler;
    this.guardian = guardian;
    this.parts = parts;
    this.board = board;
    this.askTimeout = askTimeout;
    this.createTimeout = createTimeout;
  }

  void setReady(boolean ready) {
    this.ready = ready;
  }

  @Override
  public boolean isReady() {
    return ready;
  }

  @Override
  public CompletionStage<VmList> listVms() {
    return askHost(VmHost.Listed.class, VmHost.ListVms::new)
        .thenApply(listed -> new VmList(listed.vms().stream().map(this::view).toList()));
  }

  @Override
  public CompletionStage<VmView> vm(String name) {
    return describe(replyTo -> new VmHost.DescribeVm(name, replyTo), askTimeout);
  }

  @Override
  public CompletionStage<VmView> createVm(CreateVmRequest request) {
    VmSpec spec = Requests.spec(request);
    return describe(replyTo -> new VmHost.CreateVm(spec, replyTo), createTimeout);
  }

  @Override
  public CompletionStage<VmView> changeVm(String name, VmChange change) {
    VmHost.Change hostChange =
        switch (change) {
          case BOOT -> VmHost.Change.BOOT;
          case PAUSE -> VmHost.Change.PAUSE;
          case RESUME -> VmHost.Change.RESUME;
          case TAKE_OVER -> VmHost.Change.TAKE_OVER;
          case RECOVER -> VmHost.Change.RECOVER;
        };
    return describe(replyTo -> new VmHost.ChangeVm(name, hostChange, replyTo), askTimeout);
  }

  @Override
  public CompletionStage<Done> deleteVm(String name) {
    return askHost(
            VmHost.Done.class, replyTo -> new VmHost.ChangeVm(name, VmHost.Change.DELETE, replyTo))
        .thenApply(done -> Done.getInstance());
  }

  @Override
  public CompletionStage<ConsoleView> console(String name) {
    return askHost(VmHost.ConsoleText.class, replyTo -> new VmHost.ReadConsole(name, replyTo))
        .thenApply(console -> new ConsoleView(name, console.text()));
  }

  @Override
  public CompletionStage<MigrationView> sendMigration(String name, SendMigrationRequest request) {
    SendOptions options = Requests.send(request);
    return startSession(
        name, (replyTo, follower) -> new VmHost.SendVm(name, options, follower, replyTo));
  }

  @Override
  public CompletionStage<MigrationView> receiveMigration(ReceiveMigrationRequest request) {
    ReceiveOptions options = Requests.receive(request);
    return startSession(
        request.name(), (replyTo, follower) -> new VmHost.ReceiveVm(options, follower, replyTo));
  }

  private interface Session {
    VmHost.Command command(ActorRef<VmHost.Reply> replyTo, ActorRef<MigrationEvent> follower);
  }

  private CompletionStage<MigrationView> startSession(@Nullable String vm, Session session) {
    return askHost(
            VmHost.MigrationStarted.class, replyTo -> session.command(replyTo, parts.sessions()))
        .thenApply(
            started ->
                // Its first events may have come before this answer.
                board.update(
                    Views.begun(started.migrationId(), vm, started.url()),
                    before -> Views.located(before, vm, started.url())));
  }

  @Override
  public CompletionStage<MigrationView> migrate(MigrateRequest request) {
    SendParams params = Requests.migrate(request);
    return askOrchestrator(
            replyTo -> new Orchestrator.Migrate(request.vm(), request.to(), params, replyTo))
        .thenApply(
            reply -> {
              if (reply instanceof Orchestrator.Accepted accepted) {
                return follow(accepted.record());
              }
              throw unexpected(reply);
            });
  }

  @Override
  public CompletionStage<MigrationView> migration(String id) {
    MigrationView here = board.find(id);
    if (here != null) {
      return CompletableFuture.completedFuture(here);
    }
    return askOrchestrator(replyTo -> new Orchestrator.GetMigration(id, replyTo))
        .thenApply(
            reply -> {
              if (reply instanceof Orchestrator.Described described) {
                return follow(described.record());
              }
              throw unexpected(reply);
            });
  }

  private MigrationView follow(MigrationRecord migration) {
    guardian.tell(new NodeGuardian.FollowMigration(migration));
    MigrationView view = Views.migration(migration);
    return board.update(view, before -> view);
  }

  @Override
  public CompletionStage<Source<MigrationView, NotUsed>> followMigration(String id) {
    return migration(id).thenApply(view -> board.follow(id));
  }

  @Override
  public CompletionStage<MigrationView> cancelMigration(String id) {
    return steer(id, VmHost.CancelMigration::new, Orchestrator.CancelMigration::new);
  }

  @Override
  public CompletionStage<MigrationView> switchToPostcopy(String id) {
    return steer(id, VmHost.SwitchToPostcopy::new, Orchestrator.SwitchToPostcopy::new);
  }

  /** Tells a migration something: a session of this node, or one of the orchestrator. */
  private CompletionStage<MigrationView> steer(
      String id,
      BiFunction<String, ActorRef<VmHost.Reply>, VmHost.Command> session,
      BiFunction<String, ActorRef<Orchestrator.Reply>, Orchestrator.Command> move) {
    return migration(id)
        .thenCompose(
            view ->
                view.from() == null && view.to() == null
                    ? askHost(VmHost.Done.class, replyTo -> session.apply(id, replyTo))
                        .thenCompose(done -> migration(id))
                    : askOrchestrator(replyTo -> move.apply(id, replyTo))
                        .thenApply(this::described));
  }

  private MigrationView described(Orchestrator.Reply reply) {
    if (reply instanceof Orchestrator.Described described) {
      return follow(described.record());
    }
    throw unexpected(reply);
  }

  @Override
  public CompletionStage<ClusterView> cluster() {
    CompletionStage<NodeDirectory.Nodes> nodes =
        AskPattern.ask(
            parts.cluster().directory(), NodeDirectory.ListNodes::new, askTimeout, scheduler);
    return answered("The node's directory", nodes).thenApply(Views::cluster);
  }

  private VmView view(VmInfo vm) {
    return Views.vm(vm, parts.cluster().settings().nodeName());
  }

  private CompletionStage<VmView> describe(
      Function<ActorRef<VmHost.Reply>, VmHost.Command> question, Duration timeout) {
    return askHost(VmHost.Described.class, question, timeout).thenApply(d -> view(d.vm()));
  }

  private <T extends VmHost.Reply> CompletionStage<T> askHost(
      Class<T> type, Function<ActorRef<VmHost.Reply>, VmHost.Command> question) {
    return askHost(type, question, askTimeout);
  }

  private <T extends VmHost.Reply> CompletionStage<T> askHost(
      Class<T> type, Function<ActorRef<VmHost.Reply>, VmHost.Command> question, Duration timeout) {
    CompletionStage<VmHost.Reply> reply =
        AskPattern.ask(parts.host(), question::apply, timeout, scheduler);
    return answered("The node's VM host", reply)
        .thenApply(
            answer -> {
              if (answer instanceof VmHost.Rejected rejected) {
                throw Problems.refused(rejected.code(), rejected.reason());
              }
              return type.cast(answer);
            });
  }

  private CompletionStage<Orchestrator.Reply> askOrchestrator(
      Function<ActorRef<Orchestrator.Reply>, Orchestrator.Command> question) {
    CompletionStage<Orchestrator.Reply> reply =
        AskPattern.ask(parts.cluster().orchestrator(), question::apply, askTimeout, scheduler);
    return answered("The cluster's orchestrator", reply);
  }

  private static RuntimeException unexpected(Orchestrator.Reply reply) {
    if (reply instanceof Orchestrator.Refused refused) {
      return Problems.refused(refused.code(), refused.reason());
    }
    return reply instanceof Orchestrator.NoSuchMigration unknown
        ? Problems.noSuchMigration(unknown.id())
        : new IllegalStateException("the orchestrator answered " + reply);
  }

  private static <T> CompletionStage<T> answered(String who, CompletionStage<T> reply) {
    return reply.exceptionally(
        thrown -> {
          Throwable cause = thrown instanceof CompletionException ? thrown.getCause() : thrown;
          if (cause instanceof TimeoutException) {
            throw Problems.noAnswer(who);
          }
          throw cause instanceof ProblemException problem
              ? problem
              : new CompletionException(cause);
        });
  }
}
