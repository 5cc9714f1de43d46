package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.migration.MigrationProgress;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.cluster.node.NodeAgent;
import io.vmferry.cluster.node.SessionRelay;
import io.vmferry.cluster.node.SessionReport;
import io.vmferry.cluster.node.SessionSide;
import io.vmferry.cluster.orchestrator.MigrationRun.Command;
import io.vmferry.cluster.orchestrator.MigrationRun.Reported;
import io.vmferry.cluster.orchestrator.MigrationRun.SettleTimedOut;
import io.vmferry.cluster.orchestrator.MigrationRun.SideLost;
import io.vmferry.cluster.orchestrator.MigrationRun.StartTimedOut;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.BehaviorBuilder;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.jspecify.annotations.Nullable;

/**
 * The states of an admitted {@link MigrationRun}: preparing (the destination starts to listen) ->
 * moving (the source was asked to send; both sides report) -> settling (one side is over, or all is
 * to be given up; what is left is to end) -> stopped.
 *
 * <p>What was learned of each side is in fields, since every state adds to it and none forgets;
 * which message may do what is in the states.
 */
final class MovingRun {
  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final ClusterSettings settings;
  private final ActorRef<Orchestrator.Command> orchestrator;
  private final Admission.Admitted admitted;
  private final ActorRef<SessionReport> reports;
  private final Map<SessionSide, SideState> sides = new EnumMap<>(SessionSide.class);
  private final Map<SessionSide, ActorRef<SessionRelay.Command>> sessions =
      new EnumMap<>(SessionSide.class);
  private MigrationRecord record;
  private @Nullable SessionSide firstOver;
  private boolean handedOver;
  private boolean switchAsked;

  /** Asks the destination to listen. */
  static Behavior<Command> begin(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ClusterSettings settings,
      ActorRef<Orchestrator.Command> orchestrator,
      MigrationRecord record,
      Admission.Admitted admitted) {
    MovingRun run = new MovingRun(context, timers, settings, orchestrator, record, admitted);
    context.watchWith(admitted.source().agent(), new SideLost(SessionSide.SOURCE));
    context.watchWith(admitted.destination().agent(), new SideLost(SessionSide.DESTINATION));
    run.askDestination();
    return run.preparing();
  }

  private MovingRun(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ClusterSettings settings,
      ActorRef<Orchestrator.Command> orchestrator,
      MigrationRecord record,
      Admission.Admitted admitted) {
    this.context = context;
    this.timers = timers;
    this.settings = settings;
    this.orchestrator = orchestrator;
    this.record = record;
    this.admitted = admitted;
    this.reports = context.messageAdapter(SessionReport.class, Reported::new);
    sides.put(SessionSide.SOURCE, new SideState.NotAsked());
    sides.put(SessionSide.DESTINATION, new SideState.NotAsked());
  }

  private Behavior<Command> preparing() {
    return withoutSurvey()
        .onMessage(Reported.class, m -> onReportWhilePreparing(m.report()))
        .onMessage(MigrationRun.Cancel.class, m -> onCancelWhilePreparing())
        .onMessage(MigrationRun.SwitchToPostcopy.class, m -> onSwitchToPostcopy())
        .onMessage(SideLost.class, this::onSideLost)
        .onMessage(StartTimedOut.class, this::onStartTimedOut)
        .onMessage(SettleTimedOut.class, m -> Behaviors.same()) // nothing settles yet
        .build();
  }

  private Behavior<Command> moving() {
    return withoutSurvey()
        .onMessage(Reported.class, m -> onReport(m.report()))
        .onMessage(MigrationRun.Cancel.class, m -> onCancelWhileMoving())
        .onMessage(MigrationRun.SwitchToPostcopy.class, m -> onSwitchToPostcopy())
        .onMessage(SideLost.class, this::onSideLost)
        .onMessage(StartTimedOut.class, this::onStartTimedOut)
        .onMessage(SettleTimedOut.class, m -> Behaviors.same()) // nothing settles yet
        .build();
  }

  private Behavior<Command> settling() {
    return withoutSurvey()
        .onMessage(Reported.class, m -> onReport(m.report()))
        .onMessage(MigrationRun.Cancel.class, m -> Behaviors.same()) // it is ending already
        .onMessage(MigrationRun.SwitchToPostcopy.class, m -> Behaviors.same()) // likewise
        .onMessage(SideLost.class, this::onSideLost)
        .onMessage(StartTimedOut.class, this::onStartTimedOut)
        .onMessage(SettleTimedOut.class, m -> onSettleTimedOut())
        .build();
  }

  private static BehaviorBuilder<Command> withoutSurvey() {
    return Behaviors.receive(Command.class)
        .onMessage(MigrationRun.NodesListed.class, m -> Behaviors.same()) // decided
        .onMessage(MigrationRun.Surveyed.class, m -> Behaviors.same()); // decided
  }

  private void askDestination() {
    sides.put(SessionSide.DESTINATION, new SideState.Active());
    timers.startSingleTimer(new StartTimedOut(SessionSide.DESTINATION), settings.startTimeout());
    SendParams params = record.params();
    admitted
        .destination()
        .agent()
        .tell(new NodeAgent.PrepareReceive(record.vm(), params.mode(), params.verify(), reports));
  }

  private Behavior<Command> askSource(String url) {
    SendOptions options;
    try {
      options = record.params().to(url);
    } catch (IllegalArgumentException e) {
      context.getLog().error("{}: the destination listens at {}", record.id(), url, e);
      cancel(SessionSide.DESTINATION);
      return over(SessionSide.DESTINATION, new SideState.Failed(undiallable()));
    }
    sides.put(SessionSide.SOURCE, new SideState.Active());
    timers.startSingleTimer(new StartTimedOut(SessionSide.SOURCE), settings.startTimeout());
    admitted.source().agent().tell(new NodeAgent.StartSend(record.vm(), options, reports));
    return moving();
  }

  private Behavior<Command> onReportWhilePreparing(SessionReport report) {
    if (report instanceof SessionReport.Started started) {
      note(started);
      return askSource(started.url());
    }
    return onReport(report);
  }

  private Behavior<Command> onReport(SessionReport report) {
    SessionSide side = report.side();
    if (report instanceof SessionReport.Started started) {
      note(started);
      if (record.cancelRequested() || firstOver != null) {
        started.session().tell(new SessionRelay.Cancel());
      } else if (switchAsked && side == SessionSide.SOURCE) {
        started.session().tell(new SessionRelay.SwitchToPostcopy());
      }
      return Behaviors.same();
    }
    if (report instanceof SessionReport.CancelRefused late) {
      context.getLog().info("{} cannot be cancelled any more: {}", record.id(), late.reason());
      if (side == SessionSide.SOURCE) {
        tellChange(record.withCancelRequested(false));
      }
      return Behaviors.same();
    }
    if (report instanceof SessionReport.Refused refused) {
      return over(side, new SideState.Failed(refusal(refused)));
    }
    return onEvent((SessionReport.Happened) report);
  }

  private Behavior<Command> onEvent(SessionReport.Happened happened) {
    MigrationEvent event = happened.event();
    if (event instanceof MigrationEvent.Progressed progressed) {
      return onProgress(happened.side(), progressed.progress());
    }
    happened.session().tell(new SessionRelay.Acknowledge());
    return over(
        happened.side(),
        event instanceof MigrationEvent.Finished finished
            ? new SideState.Finished(finished.summary())
            : new SideState.Failed(((MigrationEvent.Failed) event).failure()));
  }

  private Behavior<Command> onProgress(SessionSide side, MigrationProgress progress) {
    handedOver |= progress.phase() == MigrationPhase.POSTCOPY;
    tellChange(
        side == SessionSide.SOURCE
            ? record.withSourceProgress(progress)
            : record.withDestinationProgress(progress));
    return Behaviors.same();
  }

  private Behavior<Command> onCancelWhilePreparing() {
    tellChange(record.withCancelRequested(true));
    // Its session is cancelled as soon as it is known; the source was not asked.
    return settle(settings.cleanupTimeout());
  }

  private Behavior<Command> onCancelWhileMoving() {
    tellChange(record.withCancelRequested(true));
    cancel(SessionSide.SOURCE);
    return Behaviors.same();
  }

  /** Told to the source now, or as soon as its session is known. */
  private Behavior<Command> onSwitchToPostcopy() {
    switchAsked = true;
    tell(SessionSide.SOURCE, new SessionRelay.SwitchToPostcopy());
    return Behaviors.same();
  }

  private Behavior<Command> onSideLost(SideLost message) {
    return over(message.side(), new SideState.Lost());
  }

  private Behavior<Command> onStartTimedOut(StartTimedOut message) {
    return sessions.containsKey(message.side())
        ? Behaviors.same()
        : over(message.side(), new SideState.Silent());
  }

  private Behavior<Command> onSettleTimedOut() {
    sides.replaceAll((side, s) -> s instanceof SideState.Active ? new SideState.Silent() : s);
    return finish();
  }

  /** One side is over: the last word on it, unless it was over before. */
  private Behavior<Command> over(SessionSide side, SideState state) {
    if (state(side).isOver()) {
      return Behaviors.same();
    }
    timers.cancel(new StartTimedOut(side));
    sides.put(side, state);
    SessionSide other = side == SessionSide.SOURCE ? SessionSide.DESTINATION : SessionSide.SOURCE;
    if (!(state(other) instanceof SideState.Active)) {
      firstOver = firstOver == null ? side : firstOver;
      return finish();
    }
    firstOver = side;
    if (!(state instanceof SideState.Finished)) {
      cancel(other);
    }
    boolean onSource =
        side == SessionSide.SOURCE
            && state instanceof SideState.Failed failed
            && failed.failure().guestLocation() == GuestLocation.SOURCE;
    return settle(onSource ? settings.cleanupTimeout() : settings.settleTimeout());
  }

  private Behavior<Command> settle(Duration limit) {
    timers.startSingleTimer(new SettleTimedOut(), limit);
    return settling();
  }

  private Behavior<Command> finish() {
    SideState source = state(SessionSide.SOURCE);
    SideState destination = state(SessionSide.DESTINATION);
    Verdict verdict =
        Verdict.of(
            record,
            handedOver,
            wasPaused(),
            source,
            destination,
            firstOver == SessionSide.DESTINATION);
    tellChange(record.ended(verdict, source.summaryOrNull(), destination.summaryOrNull()));
    return Behaviors.stopped();
  }

  private void note(SessionReport.Started started) {
    timers.cancel(new StartTimedOut(started.side()));
    sessions.put(started.side(), started.session());
    context.watchWith(started.session(), new SideLost(started.side()));
  }

  private void cancel(SessionSide side) {
    tell(side, new SessionRelay.Cancel());
  }

  /** Nothing is told to a side whose session is not known yet. */
  private void tell(SessionSide side, SessionRelay.Command command) {
    ActorRef<SessionRelay.Command> session = sessions.get(side);
    if (session != null) {
      session.tell(command);
    }
  }

  private void tellChange(MigrationRecord changed) {
    record = changed;
    orchestrator.tell(new Orchestrator.RunChanged(changed));
  }

  private SideState state(SessionSide side) {
    return Objects.requireNonNull(sides.get(side));
  }

  private boolean wasPaused() {
    return admitted.guest().lifeCycle() == LifeCycle.PAUSED;
  }

  private MigrationFailure refusal(SessionReport.Refused refused) {
    return notBegun(refused.code(), refused.reason());
  }

  private MigrationFailure undiallable() {
    return notBegun(
        FailureCode.ADDRESS_UNUSABLE,
        "It gave an address for the migration that cannot be dialled; set its migration-host.");
  }

  private MigrationFailure notBegun(FailureCode code, String reason) {
    return new MigrationFailure(
        record.id(),
        record.vm(),
        code,
        MigrationPhase.CONNECTING,
        reason,
        GuestLocation.SOURCE,
        wasPaused());
  }
}
