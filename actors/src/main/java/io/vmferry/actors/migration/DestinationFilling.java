package io.vmferry.actors.migration;

import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FaultConnected;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.migration.MigrationDestination.FromUffd;
import io.vmferry.actors.migration.MigrationDestination.MissingAsked;
import io.vmferry.actors.migration.MigrationDestination.PushConnected;
import io.vmferry.actors.migration.MigrationDestination.ReceptionFailed;
import io.vmferry.actors.postcopy.FillReport;
import io.vmferry.actors.postcopy.Uffd;
import io.vmferry.actors.vm.MemoryDigests;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.jspecify.annotations.Nullable;

/**
 * Postcopy on the side of a {@link MigrationDestination}: the connections that bring pages, the
 * {@link Uffd} they are for, and the phase in which the guest runs here, or waits paused, while its
 * pages come.
 */
final class DestinationFilling {
  private final DestinationSession session;
  private final List<Uffd.Command> forUffd = new ArrayList<>();
  private @Nullable Connection faults;
  private @Nullable ActorRef<Uffd.Command> uffd;
  private Uffd.@Nullable Filled early;
  private Uffd.@Nullable Broken brokenEarly;
  private long presentDigest;

  DestinationFilling(DestinationSession session) {
    this.session = session;
  }

  /** Fault connections may come at any time, also before State. */
  Behavior<Command> onFaultConnected(FaultConnected m) {
    if (faults == null) {
      faults = m.connection();
      return Behaviors.same();
    }
    return bringsPages(m.connection(), new Uffd.AddFaults(m.connection()));
  }

  Behavior<Command> onPushConnected(PushConnected m) {
    return bringsPages(m.connection(), new Uffd.AddPush(m.connection()));
  }

  private Behavior<Command> bringsPages(Connection connection, Uffd.Command add) {
    ActorRef<Uffd.Command> started = uffd;
    if (!session.options().mode().mayLackPages() || !session.agreed().has(Extension.PUSH)) {
      connection.close();
    } else if (started != null) {
      started.tell(add);
    } else {
      forUffd.add(add);
    }
    return Behaviors.same();
  }

  /** The first fault connection, if one came before State. */
  @Nullable Connection firstConnection() {
    return faults;
  }

  /**
   * Starts the Uffd, whose events come from here on.
   *
   * @param first what it asks for pages on
   * @param present the digest of the pages that are not missing
   */
  void start(Connection first, MissingPages missing, long present) {
    presentDigest = present;
    faults = first;
    ActorRef<Uffd.Event> events = session.context().messageAdapter(Uffd.Event.class, FromUffd::new);
    ActorRef<Uffd.Command> started =
        session
            .context()
            .spawn(
                Uffd.create(
                    missing,
                    first,
                    session.agreed(),
                    session.sourceSilence(),
                    session.figures().fillProgress(),
                    session.options().verify(),
                    events),
                "uffd");
    uffd = started;
    forUffd.forEach(started::tell);
    forUffd.clear();
  }

  /**
   * Nothing is filled any more: the guest is another's, or whole.
   *
   * @param ended told once nobody here touches the memory
   */
  void end(Command ended) {
    ActorRef<Uffd.Command> started = uffd;
    if (started == null) {
      session.context().getSelf().tell(ended);
    } else {
      uffd = null;
      session.context().watchWith(started, ended);
      session.context().stop(started);
    }
  }

  boolean hasStarted() {
    return uffd != null;
  }

  /** The fill has ended before the guest was ready: {@link #arriving} knows. */
  void filledEarly(Uffd.Filled filled) {
    early = filled;
  }

  /** No more pages come, before the guest is known to be here: {@link #filling} knows. */
  void brokenEarly(Uffd.Broken broken) {
    brokenEarly = broken;
  }

  /** A guest that is ready, with what was filled until now. */
  ArrivedGuest arriving(ArrivedGuest guest) {
    Uffd.Filled filled = early;
    return filled == null ? guest : filled(guest, filled);
  }

  /** Every page is there, and the Uffd has ended. */
  ArrivedGuest filled(ArrivedGuest guest, Uffd.Filled filled) {
    uffd = null;
    return guest.filled(filled);
  }

  /** The guest waits at the next page that it lacks, and the source comes back. */
  private Behavior<Command> awaitSource(Throwable cause, ArrivedGuest guest, boolean paused) {
    session
        .context()
        .getLog()
        .warn("Migration {} waits for its source: {}", session.id(), Failures.sentence(cause));
    return filling(guest, paused, cause);
  }

  /** The digest of the guest's memory at the switchover. */
  String digest(FillReport report) {
    return MemoryDigests.text(presentDigest + report.digest());
  }

  /** The source has lost its connections: what they filled ends, and new ones fill on. */
  Behavior<Command> onMissingAsked(MissingAsked asked) {
    ActorRef<Uffd.Command> started = uffd;
    if (started == null) {
      asked.present().complete(whole());
    } else {
      started.tell(new Uffd.Suspend(asked.present()));
    }
    return Behaviors.same();
  }

  private static PresentBitmap whole() {
    PresentBitmap whole = new PresentBitmap(1);
    whole.set(0);
    return whole;
  }

  Behavior<Command> filling(ArrivedGuest guest, boolean paused) {
    ActorRef<Uffd.Command> started = uffd;
    if (started != null) {
      started.tell(new Uffd.ExpectPages());
    }
    Uffd.Broken broken = brokenEarly;
    brokenEarly = null;
    return broken == null ? filling(guest, paused, null) : onBroken(broken, guest, paused);
  }

  /**
   * @param broken why nobody brings pages, until the source is back
   */
  private Behavior<Command> filling(
      ArrivedGuest guest, boolean paused, @Nullable Throwable broken) {
    return session.state(
        broken == null ? MigrationPhase.POSTCOPY : MigrationPhase.RECOVERING,
        on ->
            on.onMessage(FromUffd.class, m -> onFilling(m.event(), guest, paused))
                .onMessage(MissingAsked.class, m -> onMissingAsked(m, guest, paused))
                .onMessage(FromSource.class, m -> Behaviors.same())
                .onMessage(ReceptionFailed.class, m -> session.ending().onAnswersSent())
                .onMessage(Cancel.class, m -> onCancel(broken)));
  }

  /** Too late to give the guest back; but one whose source stays away can be given up. */
  private Behavior<Command> onCancel(@Nullable Throwable broken) {
    return broken == null ? Behaviors.same() : session.ending().incomplete(broken);
  }

  private Behavior<Command> onMissingAsked(MissingAsked asked, ArrivedGuest guest, boolean paused) {
    Behavior<Command> unused = onMissingAsked(asked);
    return filling(guest, paused);
  }

  private Behavior<Command> onFilling(Uffd.Event event, ArrivedGuest guest, boolean paused) {
    DestinationEnding ending = session.ending();
    if (event instanceof Uffd.Filled filled) {
      ArrivedGuest whole = filled(guest, filled);
      return ending.onceAnswered(MigrationPhase.POSTCOPY, () -> ending.arrived(whole, paused));
    } else if (event instanceof Uffd.Broken broken) {
      return onBroken(broken, guest, paused);
    }
    return Behaviors.same();
  }

  private Behavior<Command> onBroken(Uffd.Broken broken, ArrivedGuest guest, boolean paused) {
    return session.recovers()
        ? awaitSource(broken.cause(), guest, paused)
        : session.ending().incomplete(broken.cause());
  }
}
