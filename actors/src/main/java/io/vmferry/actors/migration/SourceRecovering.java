package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.FaultEvent;
import io.vmferry.actors.migration.MigrationSource.PushConnected;
import io.vmferry.actors.migration.MigrationSource.PushFailed;
import io.vmferry.actors.migration.MigrationSource.Reconnect;
import io.vmferry.actors.migration.MigrationSource.Reconnected;
import io.vmferry.actors.migration.MigrationSource.Recover;
import io.vmferry.actors.migration.MigrationSource.StepFailed;
import io.vmferry.actors.ownership.Departure;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.PeerRefusedException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * A {@link MigrationSource} whose connections broke after Complete was sent. It reconnects, with
 * growing pauses between its attempts, and asks who has the guest: after a lost answer that settles
 * whether the guest goes on here; in postcopy the destination names the pages that it lacks, and
 * serving goes on with those.
 *
 * <p>The guest stays paused here meanwhile, with every page. A destination that does not know the
 * migration ends this, and so does a cancel; then it is as without recovery (decision 3).
 */
final class SourceRecovering {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final int MAX_REFUSALS = 3;
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final SourceSession session;
  private final Throwable cause;
  private final boolean answerLost;
  private final @Nullable String digest;
  private final boolean postcopy;
  private final long deadlineNanos;
  private Duration pause = FIRST_PAUSE;
  private final List<ActorRef<Vm.Reply>> curious = new ArrayList<>();
  private int refusals;
  private boolean trying;

  private SourceRecovering(
      SourceSession session,
      Throwable cause,
      boolean answerLost,
      @Nullable String digest,
      boolean postcopy) {
    this.session = session;
    this.cause = cause;
    this.answerLost = answerLost;
    this.digest = digest;
    this.postcopy = postcopy;
    this.deadlineNanos = System.nanoTime() + session.recoveryPatience().toNanos();
  }

  /**
   * Nobody here knows whether the destination took the guest.
   *
   * @param digest of the guest's memory, if it cannot be computed later
   * @param postcopy whether the destination lacks pages if it did
   */
  static SourceRecovering afterLostAnswer(
      SourceSession session, Throwable cause, @Nullable String digest, boolean postcopy) {
    session.context().getLog().warn("Migration {}: the answer to Complete was lost", session.id());
    return new SourceRecovering(session, cause, true, digest, postcopy);
  }

  /** The destination has the guest, and lacks pages. */
  static SourceRecovering afterBrokenPostcopy(SourceSession session, Throwable cause) {
    session.context().getLog().warn("Migration {}: postcopy broke", session.id(), cause);
    return new SourceRecovering(session, cause, false, null, true);
  }

  /** Somebody gave this up, and it is wanted again. */
  static SourceRecovering again(SourceSession session, MigrationSource.Broken broken) {
    IOException cause = new IOException("The migration was given up before.");
    return new SourceRecovering(
        session, cause, broken.answerLost(), broken.digest(), broken.postcopy());
  }

  /** Tries now. */
  Behavior<MigrationSource.Command> reconnect() {
    trying = true;
    session.step(this::connect, reconnected -> reconnected);
    return session.state(
        MigrationPhase.RECOVERING,
        on ->
            on.onMessage(Reconnected.class, this::onReconnected)
                .onMessage(StepFailed.class, m -> onFailed(m.cause()))
                .onMessage(Reconnect.class, m -> trying ? Behaviors.same() : reconnect())
                .onMessage(Recover.class, m -> recover(m.replyTo()))
                .onMessage(Cancel.class, m -> giveUp(cause))
                // Of the connections that broke.
                .onMessage(FaultEvent.class, m -> Behaviors.same())
                .onMessage(PushFailed.class, m -> Behaviors.same())
                .onMessage(PushConnected.class, m -> Behaviors.same()));
  }

  /** Not after the next pause: now, or what comes of the attempt under way. */
  private Behavior<MigrationSource.Command> recover(ActorRef<Vm.Reply> replyTo) {
    curious.add(replyTo);
    return trying ? Behaviors.same() : reconnect();
  }

  private void answer(Vm.Reply reply) {
    curious.forEach(replyTo -> replyTo.tell(reply));
    curious.clear();
  }

  private Reconnected connect() throws IOException {
    SourceChannel channel = session.channel();
    channel.resume(session.key());
    channel.watch(session.deadPeerTimeout());
    GuestOwner owner = channel.owner();
    if (!postcopy || owner != GuestOwner.DESTINATION) {
      return new Reconnected(owner, DirtyPages.NONE, List.of());
    }
    DirtyPages missing = channel.missing(session.memory());
    List<Connection> faults = missing.isEmpty() ? List.of() : session.openFaultConnections();
    return new Reconnected(owner, missing, faults);
  }

  private Behavior<MigrationSource.Command> onReconnected(Reconnected m) {
    if (m.owner() != GuestOwner.NOBODY) {
      answer(new Vm.Done());
    }
    if (m.owner() == GuestOwner.SOURCE) {
      return answerLost ? session.ending().failed(MigrationPhase.SWITCHOVER, cause) : giveUp(cause);
    }
    if (m.owner() == GuestOwner.NOBODY) {
      answer(
          new Vm.Rejected(
              FailureCode.PEER_LOST,
              "The guest has ended on the destination, with that node's daemon."));
      return session.ending().endedThere();
    }
    if (answerLost) {
      session.figures().resumed();
      session.record(Departure::handedOver);
    }
    if (!m.missing().isEmpty()) {
      session
          .context()
          .getLog()
          .info("Migration {} goes on; {} bytes are missing", session.id(), m.missing().bytes());
      return SourceServing.start(session, m.faults(), m.missing()).serving();
    }
    session.figures().full();
    return digest == null ? session.ending().verify() : session.ending().moved(digest);
  }

  private Behavior<MigrationSource.Command> onFailed(Throwable failure) {
    trying = false;
    refusals = isRefusal(Failures.root(failure)) ? refusals + 1 : 0;
    answer(
        new Vm.Rejected(
            Failures.code(failure),
            "The destination of migration "
                + session.id()
                + " cannot be asked: "
                + Failures.sentence(failure)));
    if (refusals == MAX_REFUSALS || System.nanoTime() - deadlineNanos > 0) {
      return giveUp(cause);
    }
    session
        .context()
        .getLog()
        .info("Migration {}: no way yet: {}", session.id(), Failures.sentence(failure));
    session.context().scheduleOnce(pause, session.context().getSelf(), new Reconnect());
    Duration next = pause.multipliedBy(2);
    pause = next.compareTo(LONGEST_PAUSE) < 0 ? next : LONGEST_PAUSE;
    return Behaviors.same();
  }

  /** A destination that does not know the migration will not know it later; once is no proof. */
  private static boolean isRefusal(Throwable failure) {
    return failure instanceof PeerRefusedException refused && refused.command() == Command.IDENTIFY;
  }

  private Behavior<MigrationSource.Command> giveUp(Throwable why) {
    answer(new Vm.Rejected(FailureCode.CANCELLED, "The migration was given up meanwhile."));
    MigrationSource.Broken broken =
        new MigrationSource.Broken(
            session.key(), session.channel().agreed(), answerLost, digest, postcopy);
    return answerLost
        ? session.ending().answerLost(why, broken)
        : session.ending().postcopyBroke(why, broken);
  }
}
