package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.SourceEnding.cancellation;

import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.FromVm;
import io.vmferry.actors.migration.MigrationSource.PostcopyReady;
import io.vmferry.actors.migration.MigrationSource.RoundSent;
import io.vmferry.actors.migration.MigrationSource.Tick;
import io.vmferry.actors.vm.DirtyLogPeek;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.HybridPolicy;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.SnapshotRuns;
import io.vmferry.streams.pages.ThrottlePolicy;
import io.vmferry.streams.pages.TimeoutStrategy;
import io.vmferry.streams.transfer.DirtyAgain;
import io.vmferry.streams.transfer.PageEncoding;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transport.Connection;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The rounds of a {@link MigrationSource} while the guest runs: everything, then what was written
 * meanwhile, until the rest fits the downtime budget, or until hybrid goes on in postcopy.
 */
final class SourceRounds {
  private final SourceSession session;
  private final SourceEnding ending;
  private final SendOptions options;
  private final Vm.SessionSeed seed;
  private final SourceFigures figures;
  private final List<Connection> memory;
  private final PageEncoding encoding;
  private ThrottlePolicy vcpuThrottle = ThrottlePolicy.NONE;
  private HybridPolicy hybrid;

  /**
   * @param memory what the rounds are sent on
   */
  SourceRounds(SourceSession session, List<Connection> memory) {
    this.session = session;
    this.ending = session.ending();
    this.options = session.options();
    this.seed = session.seed();
    this.figures = session.figures();
    this.memory = memory;
    this.encoding = PageEncoding.of(session.channel().agreed(), options.compression());
    this.hybrid = new HybridPolicy(session.memory().sizeBytes());
  }

  Behavior<Command> begin() {
    if (!seed.running()) {
      return firstRound();
    }
    session.askVm(Vm.StartDirtyLog::new);
    return session.state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromVm.class, this::onDirtyLogStarted)
                .onMessage(
                    Cancel.class, m -> ending.giveUp(MigrationPhase.PRECOPY, cancellation())));
  }

  private Behavior<Command> onDirtyLogStarted(FromVm m) {
    return m.reply() instanceof Vm.DirtyLogStarted
        ? firstRound()
        : ending.guestFailed(m.reply(), MigrationPhase.PRECOPY);
  }

  private Behavior<Command> firstRound() {
    figures.beginRound(session.memory().sizeBytes());
    send(new SnapshotRuns(session.memory()), encoding.withoutZeros());
    return round();
  }

  private Behavior<Command> nextRound(DirtyPages dirty) {
    figures.beginRound(dirty.bytes());
    send(dirty.runs(), encoding);
    return round();
  }

  /** A round that is not the last, if the guest runs. */
  private void send(Iterator<PageRun> all, PageEncoding encoding) {
    DirtyAgain dirtyAgain = seed.running() ? new DirtyLogPeek(seed.machine()) : DirtyAgain.NEVER;
    session.sendRound(new PrecopyRound(session.stoppable(all), encoding, dirtyAgain), memory);
  }

  private Behavior<Command> round() {
    return session.state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(RoundSent.class, this::onRoundSent)
                .onMessage(
                    Cancel.class, m -> ending.giveUpInRound(MigrationPhase.PRECOPY, cancellation()))
                .onMessage(Tick.class, m -> onTickInRound()));
  }

  private Behavior<Command> onTickInRound() {
    session.tellProgress(MigrationPhase.PRECOPY);
    boolean over = session.plan().isTimeOver(figures.elapsed());
    if (over && options.mode() == MemoryMode.HYBRID) {
      return session.onSwitchToPostcopy();
    }
    if (over && session.plan().strategy() == TimeoutStrategy.CANCEL) {
      return ending.giveUpInRound(MigrationPhase.PRECOPY, notConverged());
    }
    return Behaviors.same();
  }

  private Behavior<Command> onRoundSent(RoundSent m) {
    figures.endRound(m.result().bytes(), m.result().elapsedNanos());
    session
        .context()
        .getLog()
        .debug("Migration {} round {}: {}", session.id(), figures.round(), m.result());
    if (!seed.running()) {
      return switchOver(DirtyPages.NONE);
    }
    if (session.switchAsked()) {
      return preparePostcopy(DirtyPages.NONE);
    }
    session.askVm(Vm.CollectDirty::new);
    return session.state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromVm.class, this::onDirtyCollected)
                .onMessage(
                    Cancel.class, r -> ending.giveUp(MigrationPhase.PRECOPY, cancellation())));
  }

  private Behavior<Command> onDirtyCollected(FromVm m) {
    if (!(m.reply() instanceof Vm.DirtyCollected collected)) {
      return ending.guestFailed(m.reply(), MigrationPhase.PRECOPY);
    }
    DirtyPages dirty = collected.pages();
    figures.dirtied(dirty.bytes());
    Duration expected =
        figures.expectedDowntime(
            dirty.bytes(), session.throttle().bytesPerSecond(), session.plan().downtime());
    if (options.mode() == MemoryMode.HYBRID) {
      return onRoundOfHybrid(dirty, session.plan().fits(dirty.bytes(), expected));
    }
    return switch (session.plan().decide(dirty.bytes(), expected, figures.elapsed())) {
      case ANOTHER_ROUND -> {
        slowDown(dirty.bytes());
        yield nextRound(dirty);
      }
      case SWITCH_OVER -> switchOver(dirty);
      case CANCEL -> ending.giveUp(MigrationPhase.PRECOPY, notConverged());
    };
  }

  private Behavior<Command> switchOver(DirtyPages dirty) {
    return SourceSwitchover.whole(session, encoding, memory).pause(dirty);
  }

  private MigrationException notConverged() {
    return new MigrationException(
        FailureCode.NOT_CONVERGED,
        "Precopy did not converge within "
            + options.timeout().toSeconds()
            + " s: the guest dirties memory faster than it can be sent.");
  }

  /**
   * Slows a guest down that dirties memory faster than it is sent; the Vm lifts that at the end.
   */
  private void slowDown(long dirtiedBytes) {
    if (!options.autoConverge()) {
      return;
    }
    ThrottlePolicy next = vcpuThrottle.afterRound(figures.lastRoundBytes(), dirtiedBytes);
    if (next.percent() != vcpuThrottle.percent()) {
      session
          .context()
          .getLog()
          .info(
              "Migration {}: {} is throttled by {} %",
              session.id(), session.spec().name(), next.percent());
      seed.vm().tell(new Vm.ThrottleVcpus(next.percent()));
      figures.throttled(next.percent());
    }
    vcpuThrottle = next;
  }

  /** Hybrid slows no guest down, and runs out of no time: it switches. */
  private Behavior<Command> onRoundOfHybrid(DirtyPages dirty, boolean fits) {
    if (fits) {
      return switchOver(dirty);
    }
    if (session.switchAsked()
        || hybrid.gainsTooLittle(dirty.bytes())
        || session.plan().isTimeOver(figures.elapsed())) {
      return preparePostcopy(dirty);
    }
    hybrid = new HybridPolicy(dirty.bytes());
    return nextRound(dirty);
  }

  /** Connects, and finds out what a stopped round has not sent, while the guest still runs. */
  private Behavior<Command> preparePostcopy(DirtyPages dirty) {
    session.step(
        () ->
            new PostcopyReady(
                session.openFaultConnections(),
                DirtyPages.of(session.memory().regions(), session.unsent()).or(dirty)),
        ready -> ready);
    return session.state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(PostcopyReady.class, this::onPostcopyReady)
                .onMessage(
                    Cancel.class, m -> ending.failed(MigrationPhase.PRECOPY, cancellation())));
  }

  private Behavior<Command> onPostcopyReady(PostcopyReady ready) {
    session
        .context()
        .getLog()
        .info("Migration {}: postcopy after round {}", session.id(), figures.round());
    return SourceSwitchover.toPostcopy(session, ready.faults()).pause(ready.unsent());
  }
}
