package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.node.SessionReport;
import io.vmferry.cluster.node.SessionSide;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * One migration between two nodes, from the request to its end.
 *
 * <p>States: listing (who is there?) -> surveying (what do they hold now?) -> refused and stopped,
 * or the states of {@link MovingRun}: preparing -> moving -> settling -> stopped. The directory
 * alone would not do: a guest created a moment ago is not in it yet. docs/architecture.md, Cluster.
 */
final class MigrationRun {
  /** What a run is told. */
  sealed interface Command {}

  /** Somebody wants it cancelled. */
  record Cancel() implements Command {}

  /** Somebody wants a hybrid migration to end its rounds. */
  record SwitchToPostcopy() implements Command {}

  record NodesListed(NodeDirectory.@Nullable Nodes nodes) implements Command {}

  record Surveyed(NodeView node, NodeAgent.@Nullable StatusReply reply) implements Command {}

  record Reported(SessionReport report) implements Command {}

  record SideLost(SessionSide side) implements Command {}

  record StartTimedOut(SessionSide side) implements Command {}

  record SettleTimedOut() implements Command {}

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final ClusterSettings settings;
  private final String id;
  private final Orchestrator.Migrate request;
  private final ActorRef<Orchestrator.Command> orchestrator;

  /**
   * Creates a run.
   *
   * @param directory the directory of the node it runs on
   * @param orchestrator is told whether it is admitted, and of every change
   */
  static Behavior<Command> create(
      ClusterSettings settings,
      String id,
      Orchestrator.Migrate request,
      ActorRef<NodeDirectory.Command> directory,
      ActorRef<Orchestrator.Command> orchestrator) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new MigrationRun(context, timers, settings, id, request, orchestrator)
                        .begin(directory)));
  }

  private MigrationRun(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ClusterSettings settings,
      String id,
      Orchestrator.Migrate request,
      ActorRef<Orchestrator.Command> orchestrator) {
    this.context = context;
    this.timers = timers;
    this.settings = settings;
    this.id = id;
    this.request = request;
    this.orchestrator = orchestrator;
  }

  private Behavior<Command> begin(ActorRef<NodeDirectory.Command> directory) {
    try {
      boolean local = request.params().mode() == MemoryMode.LOCAL;
      request.params().to(local ? "unix:/any" : "tcp:127.0.0.1:1");
    } catch (IllegalArgumentException e) {
      return refuse(FailureCode.INVALID_REQUEST, String.valueOf(e.getMessage()));
    }
    context.ask(
        NodeDirectory.Nodes.class,
        directory,
        settings.surveyTimeout(),
        NodeDirectory.ListNodes::new,
        (nodes, failure) -> new NodesListed(nodes));
    return listing();
  }

  private Behavior<Command> listing() {
    return Behaviors.receive(Command.class)
        .onMessage(NodesListed.class, this::onNodesListed)
        .onMessage(Surveyed.class, m -> Behaviors.same()) // nobody was asked yet
        .onMessage(Cancel.class, m -> Behaviors.same()) // nobody knows its id before Accepted
        .onMessage(SwitchToPostcopy.class, m -> Behaviors.same()) // likewise
        .onMessage(Reported.class, m -> Behaviors.same()) // no session yet
        .onMessage(SideLost.class, m -> Behaviors.same()) // no sides yet
        .onMessage(StartTimedOut.class, m -> Behaviors.same()) // nothing started
        .onMessage(SettleTimedOut.class, m -> Behaviors.same()) // nothing started
        .build();
  }

  private Behavior<Command> surveying(int expected, List<Admission.Answer> answers) {
    if (answers.size() == expected) {
      return decide(answers);
    }
    return Behaviors.receive(Command.class)
        .onMessage(Surveyed.class, m -> surveying(expected, plus(answers, answer(m))))
        .onMessage(NodesListed.class, m -> Behaviors.same()) // known
        .onMessage(Cancel.class, m -> Behaviors.same()) // nobody knows its id before Accepted
        .onMessage(SwitchToPostcopy.class, m -> Behaviors.same()) // likewise
        .onMessage(Reported.class, m -> Behaviors.same()) // no session yet
        .onMessage(SideLost.class, m -> Behaviors.same()) // no sides yet
        .onMessage(StartTimedOut.class, m -> Behaviors.same()) // nothing started
        .onMessage(SettleTimedOut.class, m -> Behaviors.same()) // nothing started
        .build();
  }

  private Behavior<Command> onNodesListed(NodesListed message) {
    NodeDirectory.Nodes nodes = message.nodes();
    if (nodes == null) {
      return refuse(FailureCode.INTERNAL, "The orchestrator's node does not know its cluster.");
    }
    List<Admission.Answer> answers = new ArrayList<>();
    for (NodeView node : nodes.nodes()) {
      if (node.isReachable()) {
        context.ask(
            NodeAgent.StatusReply.class,
            node.status().agent(),
            settings.surveyTimeout(),
            NodeAgent.GetStatus::new,
            (reply, failure) -> new Surveyed(node, reply));
      } else {
        answers.add(new Admission.Answer(node.status(), false));
      }
    }
    return surveying(nodes.nodes().size(), answers);
  }

  private static Admission.Answer answer(Surveyed message) {
    return message.reply() instanceof NodeAgent.Status now
        ? new Admission.Answer(now.status(), true)
        : new Admission.Answer(message.node().status(), false);
  }

  private static List<Admission.Answer> plus(
      List<Admission.Answer> answers, Admission.Answer answer) {
    List<Admission.Answer> more = new ArrayList<>(answers);
    more.add(answer);
    return more;
  }

  private Behavior<Command> decide(List<Admission.Answer> answers) {
    Admission admission =
        Admission.decide(answers, request.vm(), request.toNode(), request.params());
    if (admission instanceof Admission.Refused refused) {
      return refuse(refused.code(), refused.reason());
    }
    Admission.Admitted admitted = (Admission.Admitted) admission;
    MigrationRecord record =
        MigrationRecord.begun(
            id, request.vm(), admitted.source().name(), request.toNode(), request.params());
    orchestrator.tell(new Orchestrator.RunAdmitted(record, request.replyTo()));
    return MovingRun.begin(context, timers, settings, orchestrator, record, admitted);
  }

  private Behavior<Command> refuse(FailureCode code, String reason) {
    Orchestrator.Refused refused = new Orchestrator.Refused(code, reason);
    orchestrator.tell(new Orchestrator.RunRefused(id, refused, request.replyTo()));
    return Behaviors.stopped();
  }
}
