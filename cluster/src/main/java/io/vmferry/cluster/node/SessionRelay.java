package io.vmferry.cluster.node;

import io.vmferry.actors.VmHost;
import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.CborSerializable;
import io.vmferry.cluster.ClusterSettings;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * One side of a migration, between the node's VM host and the one who follows it, who may be on
 * another host.
 *
 * <p>States: starting (the host was asked) -> running -> ended (the ending is told until it is
 * acknowledged). From starting and running to orphaned when the follower is gone: a session that
 * still waits for its peer is cancelled then, one that moves a guest runs to its end. A start that
 * the host answers too late is orphaned too. docs/architecture.md, Cluster.
 *
 * <p>The host's answer is not taken with {@code context.ask}: an answer after the timeout must
 * still arrive here, or the session it announces would have no owner.
 */
public final class SessionRelay {
  /** What a relay is told. */
  public sealed interface Command extends CborSerializable {}

  /** Cancels the session; answered by its ending or by {@link SessionReport.CancelRefused}. */
  public record Cancel() implements Command {}

  /** Ends the rounds of a hybrid source; dropped where that is too late. */
  public record SwitchToPostcopy() implements Command {}

  /** The ending has arrived. */
  public record Acknowledge() implements Command {}

  record HostReplied(VmHost.Reply reply) implements Command {}

  record HostTold(MigrationEvent event) implements Command {}

  record HostTimedOut() implements Command {}

  record HostLost() implements Command {}

  record FollowerLost() implements Command {}

  record Redeliver() implements Command {}

  /** What a relay asks the host first, given where answers and events go. */
  @FunctionalInterface
  interface Start {
    VmHost.Command command(ActorRef<MigrationEvent> events, ActorRef<VmHost.Reply> replies);
  }

  private final ActorContext<Command> context;
  private final TimerScheduler<Command> timers;
  private final ClusterSettings settings;
  private final SessionSide side;
  private final ActorRef<VmHost.Command> host;
  private final ActorRef<SessionReport> follower;
  private final UnaryOperator<String> advertise;
  private final ActorRef<NodeAgent.Command> agent;
  private final ActorRef<VmHost.Reply> replies;

  /**
   * Creates a relay that starts its session at once.
   *
   * @param advertise makes the address others dial of the one the host bound
   * @param agent is told when there is something new to see on the host
   */
  static Behavior<Command> create(
      ClusterSettings settings,
      SessionSide side,
      ActorRef<VmHost.Command> host,
      ActorRef<SessionReport> follower,
      UnaryOperator<String> advertise,
      ActorRef<NodeAgent.Command> agent,
      Start start) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new SessionRelay(
                            context, timers, settings, side, host, follower, advertise, agent)
                        .begin(start)));
  }

  private SessionRelay(
      ActorContext<Command> context,
      TimerScheduler<Command> timers,
      ClusterSettings settings,
      SessionSide side,
      ActorRef<VmHost.Command> host,
      ActorRef<SessionReport> follower,
      UnaryOperator<String> advertise,
      ActorRef<NodeAgent.Command> agent) {
    this.context = context;
    this.timers = timers;
    this.settings = settings;
    this.side = side;
    this.host = host;
    this.follower = follower;
    this.advertise = advertise;
    this.agent = agent;
    this.replies = context.messageAdapter(VmHost.Reply.class, HostReplied::new);
  }

  private Behavior<Command> begin(Start start) {
    context.watchWith(host, new HostLost());
    context.watchWith(follower, new FollowerLost());
    timers.startSingleTimer(new HostTimedOut(), settings.hostTimeout());
    host.tell(start.command(context.messageAdapter(MigrationEvent.class, HostTold::new), replies));
    return starting(false);
  }

  private Behavior<Command> starting(boolean cancelled) {
    return Behaviors.receive(Command.class)
        .onMessage(HostReplied.class, m -> onStartAnswer(m.reply(), cancelled))
        .onMessage(HostTold.class, m -> onEvent(m.event(), starting(cancelled)))
        .onMessage(HostTimedOut.class, m -> onHostSilent())
        .onMessage(Cancel.class, m -> starting(true))
        .onMessage(SwitchToPostcopy.class, m -> Behaviors.same()) // only a started session is known
        .onMessage(FollowerLost.class, m -> orphaned(true))
        .onMessage(HostLost.class, m -> onHostLost("", MigrationPhase.CONNECTING))
        .onMessage(Acknowledge.class, m -> Behaviors.same()) // nothing to acknowledge yet
        .onMessage(Redeliver.class, m -> Behaviors.same()) // no ending yet
        .build();
  }

  private Behavior<Command> running(String sessionId, MigrationPhase phase) {
    return Behaviors.receive(Command.class)
        .onMessage(HostTold.class, m -> onEvent(m.event(), running(sessionId, phaseOf(m, phase))))
        .onMessage(Cancel.class, m -> onCancel(sessionId))
        .onMessage(SwitchToPostcopy.class, m -> onSwitchToPostcopy(sessionId))
        .onMessage(HostReplied.class, m -> onCancelAnswer(m.reply()))
        .onMessage(FollowerLost.class, m -> onFollowerLost(sessionId, phase))
        .onMessage(HostLost.class, m -> onHostLost(sessionId, phase))
        .onMessage(HostTimedOut.class, m -> Behaviors.same()) // it answered meanwhile
        .onMessage(Acknowledge.class, m -> Behaviors.same()) // nothing to acknowledge yet
        .onMessage(Redeliver.class, m -> Behaviors.same()) // no ending yet
        .build();
  }

  private Behavior<Command> ended(MigrationEvent ending) {
    return Behaviors.receive(Command.class)
        .onMessage(Acknowledge.class, m -> Behaviors.stopped())
        .onMessage(FollowerLost.class, m -> Behaviors.stopped())
        .onMessage(Redeliver.class, m -> tell(ending))
        .onMessage(Cancel.class, m -> tell(ending)) // the follower has not heard it yet
        .onMessage(SwitchToPostcopy.class, m -> Behaviors.same()) // too late
        .onMessage(HostTold.class, m -> Behaviors.same()) // one ending is told, the first
        .onMessage(HostReplied.class, m -> Behaviors.same()) // of a cancellation; it ended anyway
        .onMessage(HostTimedOut.class, m -> Behaviors.same()) // it answered meanwhile
        .onMessage(HostLost.class, m -> Behaviors.same()) // the ending is known
        .build();
  }

  /** Nobody follows. {@code cancel}: the session is to be cancelled as soon as its id is known. */
  private Behavior<Command> orphaned(boolean cancel) {
    return Behaviors.receive(Command.class)
        .onMessage(HostReplied.class, m -> onOrphanAnswer(m.reply(), cancel))
        .onMessage(HostTold.class, m -> onOrphanEvent(m.event()))
        .onMessage(HostLost.class, m -> Behaviors.stopped())
        .onMessage(Cancel.class, m -> Behaviors.same()) // from a follower that has given up
        .onMessage(SwitchToPostcopy.class, m -> Behaviors.same()) // likewise
        .onMessage(Acknowledge.class, m -> Behaviors.same()) // from a follower that has given up
        .onMessage(FollowerLost.class, m -> Behaviors.same()) // known
        .onMessage(HostTimedOut.class, m -> Behaviors.same()) // a late answer is still awaited
        .onMessage(Redeliver.class, m -> Behaviors.same()) // nobody to tell
        .build();
  }

  private Behavior<Command> onStartAnswer(VmHost.Reply reply, boolean cancelled) {
    timers.cancel(new HostTimedOut());
    if (reply instanceof VmHost.MigrationStarted started) {
      String id = started.migrationId();
      follower.tell(
          new SessionReport.Started(side, id, advertise.apply(started.url()), context.getSelf()));
      agent.tell(new NodeAgent.Refresh());
      context.getLog().info("Session {} started as {} at {}", id, side, started.url());
      if (cancelled) {
        host.tell(new VmHost.CancelMigration(id, replies));
      }
      return running(id, MigrationPhase.CONNECTING);
    }
    if (reply instanceof VmHost.Rejected rejected) {
      return refuse(rejected.code(), rejected.reason());
    }
    context.getLog().error("The VM host answered a start with {}", reply);
    return refuse(FailureCode.INTERNAL, "The VM host gave an answer that makes no sense.");
  }

  private Behavior<Command> onHostSilent() {
    // Not a refusal: the host may have started all the same, and its answer may still come.
    tell(failed("", MigrationPhase.CONNECTING, "The node's VM host did not answer in time."));
    return orphaned(true);
  }

  private Behavior<Command> refuse(FailureCode code, String reason) {
    follower.tell(new SessionReport.Refused(side, code, reason));
    return Behaviors.stopped();
  }

  private Behavior<Command> onEvent(MigrationEvent event, Behavior<Command> otherwise) {
    tell(event);
    if (event instanceof MigrationEvent.Progressed) {
      return otherwise;
    }
    agent.tell(new NodeAgent.Refresh());
    timers.cancel(new HostTimedOut());
    timers.startTimerWithFixedDelay(new Redeliver(), settings.redeliverInterval());
    return ended(event);
  }

  private Behavior<Command> tell(MigrationEvent event) {
    follower.tell(new SessionReport.Happened(side, event, context.getSelf()));
    return Behaviors.same();
  }

  private Behavior<Command> onCancel(String sessionId) {
    host.tell(new VmHost.CancelMigration(sessionId, replies));
    return Behaviors.same();
  }

  private Behavior<Command> onSwitchToPostcopy(String sessionId) {
    host.tell(new VmHost.SwitchToPostcopy(sessionId, context.getSystem().ignoreRef()));
    return Behaviors.same();
  }

  private Behavior<Command> onCancelAnswer(VmHost.Reply reply) {
    if (reply instanceof VmHost.Rejected rejected) {
      follower.tell(new SessionReport.CancelRefused(side, rejected.code(), rejected.reason()));
    }
    return Behaviors.same();
  }

  private Behavior<Command> onFollowerLost(String sessionId, MigrationPhase phase) {
    boolean waits = phase == MigrationPhase.CONNECTING;
    context
        .getLog()
        .warn(
            "Nobody follows session {} ({}) any more; it {}",
            sessionId,
            phase,
            waits ? "is cancelled" : "runs to its end");
    if (waits) {
      host.tell(new VmHost.CancelMigration(sessionId, replies));
    }
    return orphaned(false);
  }

  private Behavior<Command> onHostLost(String sessionId, MigrationPhase phase) {
    return onEvent(failed(sessionId, phase, "The node's VM host stopped."), Behaviors.same());
  }

  private static MigrationEvent failed(String sessionId, MigrationPhase phase, String reason) {
    return new MigrationEvent.Failed(
        new MigrationFailure(
            sessionId, "", FailureCode.INTERNAL, phase, reason, GuestLocation.UNKNOWN, false));
  }

  private Behavior<Command> onOrphanAnswer(VmHost.Reply reply, boolean cancel) {
    if (reply instanceof VmHost.MigrationStarted started && cancel) {
      host.tell(new VmHost.CancelMigration(started.migrationId(), replies));
      return orphaned(false);
    }
    // Rejected before the start: there is no session. Rejected after: the cancellation was late.
    return cancel ? Behaviors.stopped() : Behaviors.same();
  }

  private Behavior<Command> onOrphanEvent(MigrationEvent event) {
    if (event instanceof MigrationEvent.Progressed) {
      return Behaviors.same();
    }
    agent.tell(new NodeAgent.Refresh());
    context.getLog().info("A session that nobody follows ended: {}", event);
    return Behaviors.stopped();
  }

  private static MigrationPhase phaseOf(HostTold told, MigrationPhase before) {
    return told.event() instanceof MigrationEvent.Progressed progressed
        ? progressed.progress().phase()
        : before;
  }
}
