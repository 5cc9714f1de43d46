package io.vmferry.actors.migration;

import io.vmferry.actors.ownership.GuestRecord;
import io.vmferry.actors.ownership.Handover;
import io.vmferry.actors.ownership.OwnershipLedger;
import io.vmferry.actors.ownership.Place;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.GuestOwner;
import io.vmferry.streams.wire.MigrationKey;
import io.vmferry.streams.wire.PeerRefusedException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Asks a destination who has a guest, for a source whose daemon has been started anew, and writes
 * the answer down. The guest's memory is not here any more: all that can come of it is to know.
 *
 * <p>One state; it asks until there is an answer, or until {@code
 * vmferry.migration.recovery-patience} is over.
 */
public final class HandoverInquiry {
  /** What an inquiry is told. */
  public sealed interface Command {}

  record Ask() implements Command {}

  record Settled(Place place) implements Command {}

  record Failed(Throwable cause) implements Command {}

  private static final Duration PAUSE = Duration.ofSeconds(2);

  private final ActorContext<Command> context;
  private final GuestRecord guest;
  private final Handover handover;
  private final MigrationKey key;
  private final OwnershipLedger ledger;
  private final SessionTimeouts timeouts;
  private final long deadlineNanos;

  private HandoverInquiry(
      ActorContext<Command> context, GuestRecord guest, MigrationKey key, OwnershipLedger ledger) {
    this.context = context;
    this.guest = guest;
    this.handover = Objects.requireNonNull(guest.handover());
    this.key = key;
    this.ledger = ledger;
    this.timeouts = SessionTimeouts.of(context.getSystem());
    this.deadlineNanos = System.nanoTime() + timeouts.recovery().toNanos();
  }

  /**
   * Asks at once.
   *
   * @param guest whose handover may have been taken
   * @param key the handover's
   */
  public static Behavior<Command> create(
      GuestRecord guest, MigrationKey key, OwnershipLedger ledger) {
    return Behaviors.setup(context -> new HandoverInquiry(context, guest, key, ledger).inquiring());
  }

  private Behavior<Command> inquiring() {
    ask();
    return Behaviors.receive(Command.class)
        .onMessage(Ask.class, m -> ask())
        .onMessage(Settled.class, m -> onSettled(m.place()))
        .onMessage(Failed.class, m -> onFailed(m.cause()))
        .build();
  }

  private Behavior<Command> ask() {
    context.pipeToSelf(
        CompletableFuture.supplyAsync(
            () -> Steps.call(this::settle),
            context.getSystem().dispatchers().lookup(DispatcherSelector.blocking())),
        (place, failure) -> failure == null ? new Settled(place) : new Failed(failure));
    return Behaviors.same();
  }

  private Place settle() throws IOException {
    Place place =
        switch (owner()) {
          case DESTINATION -> Place.HANDED_OVER;
          case SOURCE -> Place.LOST;
          case NOBODY -> Place.ENDED_THERE;
        };
    ledger.settle(guest, place);
    return place;
  }

  private GuestOwner owner() throws IOException {
    String tlsDir = handover.tlsDir();
    try (SourceChannel channel =
        new SourceChannel(
            MigrationUrl.parse(handover.destinationUrl()),
            tlsDir == null ? null : Path.of(tlsDir),
            timeouts.connect(),
            timeouts.answer())) {
      channel.resume(key);
      return channel.owner();
    }
  }

  private Behavior<Command> onSettled(Place place) {
    context
        .getLog()
        .info(
            "Guest {} of an earlier run: its destination says that it is {}",
            guest.spec().name(),
            place);
    return Behaviors.stopped();
  }

  private Behavior<Command> onFailed(Throwable cause) {
    boolean unknown = Failures.root(cause) instanceof PeerRefusedException;
    if (unknown || System.nanoTime() - deadlineNanos > 0) {
      context
          .getLog()
          .warn(
              "Guest {} of an earlier run: its destination does not say where it is: {}",
              guest.spec().name(),
              Failures.sentence(cause));
      return Behaviors.stopped();
    }
    context.scheduleOnce(PAUSE, context.getSelf(), new Ask());
    return Behaviors.same();
  }
}
