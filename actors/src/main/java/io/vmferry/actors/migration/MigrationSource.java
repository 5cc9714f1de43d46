package io.vmferry.actors.migration;

import io.vmferry.actors.ownership.Departure;
import io.vmferry.actors.postcopy.FaultServer;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transfer.RoundResult;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * The source's side of one migration; a child of the {@link Vm} that owns the guest.
 *
 * <p>States, drawn in docs/architecture.md, phase by phase:
 *
 * <ol>
 *   <li>{@link SourcePreparing}: connect, Start, descriptors, Config
 *   <li>{@link SourceRounds}: precopy while the guest runs; not in postcopy and local
 *   <li>{@link SourceSwitchover}: pause, last round or Discard, save
 *   <li>{@link SourceHandover}: State, then Complete
 *   <li>{@link SourceServing}: the guest fetches its pages; in postcopy, and in hybrid
 *   <li>{@link SourceRecovering}: only if a connection broke after Complete was sent
 *   <li>{@link SourceEnding}: where the guest is in the end
 * </ol>
 *
 * <p>What they share is the {@link SourceSession}. Until Complete is sent every failure and every
 * cancel leaves the guest on the source as it was. From then on only the destination's word brings
 * it back: after a lost answer it is asked again, and until it answers the guest stays paused here.
 */
public final class MigrationSource {
  /** What a source session is told. */
  public sealed interface Command {}

  /** Gives up, while that is still possible; too late after Complete was sent. */
  public record Cancel() implements Command {}

  /** Changes the bandwidth limit, bytes per second over all connections; 0 is none. */
  public record LimitBandwidth(long bytesPerSecond) implements Command {}

  /** Changes the downtime budget. */
  public record LimitDowntime(Duration downtime) implements Command {}

  /**
   * Ends the rounds of a hybrid migration: the guest moves now, without what was not sent. Not
   * heeded in other modes, for a paused guest, or once it has been paused to move.
   */
  public record SwitchToPostcopy() implements Command {}

  /**
   * Tries to reconnect at once, if the migration broke after the handover.
   *
   * @param replyTo hears {@link Vm.Done} once it goes on, or {@link Vm.Rejected} with what is the
   *     case
   */
  public record Recover(ActorRef<Vm.Reply> replyTo) implements Command {}

  /**
   * What it takes to take up a migration that was given up after the handover.
   *
   * @param key what the destination knows it by
   * @param agreed what both sides know
   * @param answerLost whether nobody here knows that the destination took the guest
   * @param digest of the guest's memory, if it cannot be computed later
   * @param postcopy whether the destination may lack pages
   */
  record Broken(
      MigrationKey key,
      Extensions agreed,
      boolean answerLost,
      @Nullable String digest,
      boolean postcopy) {}

  record Prepared(List<Connection> connections) implements Command {
    /** Copies the list. */
    Prepared {
      connections = List.copyOf(connections);
    }
  }

  record FromVm(Vm.SessionReply reply) implements Command {}

  record RoundSent(RoundResult result) implements Command {}

  record PostcopyReady(List<Connection> faults, DirtyPages unsent) implements Command {
    /** Copies the list. */
    PostcopyReady {
      faults = List.copyOf(faults);
    }
  }

  record Discarded(DirtyPages pages) implements Command {}

  record StateAccepted() implements Command {}

  record Completed() implements Command {}

  record CompleteFailed(Throwable cause) implements Command {}

  record Digested(@Nullable String digest) implements Command {}

  record PushConnected(List<Connection> connections) implements Command {
    /** Copies the list. */
    PushConnected {
      connections = List.copyOf(connections);
    }
  }

  record PushFailed(Throwable cause) implements Command {}

  record FaultEvent(FaultServer.Event event) implements Command {}

  /** Connected anew; {@code missing} is what the destination lacks, in postcopy. */
  record Reconnected(GuestOwner owner, DirtyPages missing, List<Connection> faults)
      implements Command {
    /** Copies the list. */
    Reconnected {
      faults = List.copyOf(faults);
    }
  }

  record Reconnect() implements Command {}

  record Abandoned() implements Command {}

  record PatienceOver() implements Command {}

  record StepFailed(Throwable cause) implements Command {}

  record Tick() implements Command {}

  private static final Duration TICK = Duration.ofMillis(250);

  private MigrationSource() {}

  /**
   * A session that sends the guest at once.
   *
   * @param departure what a crash must not forget of the handover
   * @param follower hears progress about four times a second, then exactly one ending
   */
  public static Behavior<Command> create(
      String id,
      SendOptions options,
      Vm.SessionSeed seed,
      Departure departure,
      ActorRef<MigrationEvent> follower) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), TICK);
                  return new SourcePreparing(
                          new SourceSession(
                              context,
                              id,
                              MigrationKey.random(),
                              options,
                              seed,
                              departure,
                              follower))
                      .prepare();
                }));
  }

  /** A session that takes up at once what another one has given up; otherwise as that one. */
  static Behavior<Command> again(
      String id,
      SendOptions options,
      Vm.SessionSeed seed,
      Departure departure,
      ActorRef<MigrationEvent> follower,
      Broken broken) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), TICK);
                  SourceSession session =
                      new SourceSession(
                          context, id, broken.key(), options, seed, departure, follower);
                  session.channel().agreedBefore(broken.agreed());
                  return SourceRecovering.again(session, broken).reconnect();
                }));
  }

  /** How a Vm makes and steers a session. */
  public static Vm.Session<Command> session(Behavior<Command> behavior) {
    return new Vm.Session<>(behavior, new Cancel(), new SwitchToPostcopy(), Recover::new);
  }
}
