package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * The destination's side of one migration.
 *
 * <p>States, drawn in docs/architecture.md, phase by phase:
 *
 * <ol>
 *   <li>{@link DestinationPreparing}: binding, waiting (for the source), started (Start,
 *       descriptors), configuring
 *   <li>{@link DestinationReceiving}: Memory and Discard, until State
 *   <li>{@link DestinationRestoring}: from State to its answer
 *   <li>{@link DestinationHandover}: ready, resuming (Complete)
 *   <li>{@link DestinationFilling}: the guest runs and its pages come; in postcopy, and in hybrid
 *   <li>{@link DestinationEnding}: whether the guest has arrived
 * </ol>
 *
 * <p>What they share is the {@link DestinationSession}. Until the answer to Complete is due every
 * failure throws away what has come: the guest never ran here. Which command is legal when is
 * judged by the protocol's own state machine, below this actor.
 */
public final class MigrationDestination {
  /** What a destination session is told. */
  public sealed interface Command {}

  /** Stops waiting or receiving, while the guest does not run here. */
  public record Cancel() implements Command {}

  /** Told once whether the session could listen; called on the session's actor. */
  public interface Bound {
    /** It listens; {@code url} has the port that was bound. */
    void listening(String migrationId, String url);

    /** It cannot, and ends. */
    void failed(FailureCode code, String reason);
  }

  record Listening(Reception reception) implements Command {}

  record ListenFailed(Throwable cause) implements Command {}

  record FromSource(Inbound event) implements Command {}

  record SourceConnected() implements Command {}

  record SourceEnded() implements Command {}

  record SourceSettled() implements Command {}

  record OwnerAsked() implements Command {}

  record MissingAsked(CompletableFuture<PresentBitmap> present) implements Command {}

  record LingerOver() implements Command {}

  record FillingEnded() implements Command {}

  record FaultConnected(Connection connection) implements Command {}

  record PushConnected(Connection connection) implements Command {}

  record ReceptionFailed(Throwable cause) implements Command {}

  record Named(boolean free) implements Command {}

  record MachineBuilt(Machine machine) implements Command {}

  record Digested(String digest) implements Command {}

  record PresentDigested(long digest) implements Command {}

  record Taken() implements Command {}

  record GivenBack(@Nullable Throwable failure) implements Command {}

  record FromVm(Vm.SessionReply reply) implements Command {}

  record FromUffd(Uffd.Event event) implements Command {}

  record StepFailed(Throwable cause) implements Command {}

  record VmGone() implements Command {}

  record Tick() implements Command {}

  record FaultConnectionOverdue() implements Command {}

  private static final Duration TICK = Duration.ofMillis(250);

  private MigrationDestination() {}

  /**
   * A session that listens at once.
   *
   * @param gate what it needs of its host
   * @param follower hears progress about four times a second, then exactly one ending; nothing if
   *     it could not even listen
   * @param bound hears whether it listens
   */
  public static Behavior<Command> create(
      String id,
      ReceiveOptions options,
      ArrivalGate gate,
      ActorRef<MigrationEvent> follower,
      Bound bound) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Tick(), TICK);
                  DestinationSession session =
                      new DestinationSession(context, id, options, gate, follower);
                  return new DestinationPreparing(session, bound).bind();
                }));
  }
}
