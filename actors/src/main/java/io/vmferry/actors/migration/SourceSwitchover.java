package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.SourceEnding.cancellation;

import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.Digested;
import io.vmferry.actors.migration.MigrationSource.Discarded;
import io.vmferry.actors.migration.MigrationSource.FromVm;
import io.vmferry.actors.migration.MigrationSource.RoundSent;
import io.vmferry.actors.vm.Vm;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transfer.DirtyAgain;
import io.vmferry.streams.transfer.PageEncoding;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transport.Connection;
import java.util.List;
import org.apache.pekko.actor.typed.Behavior;
import org.jspecify.annotations.Nullable;

/**
 * The switchover of a {@link MigrationSource}: the guest pauses, what rounds left of its memory is
 * sent in a last one or discarded, its state is saved.
 */
final class SourceSwitchover {
  private final SourceSession session;
  private final SourceEnding ending;
  private final PageEncoding encoding;
  private final List<Connection> memory;
  private final List<Connection> faults;
  // Whether the destination runs the guest before it has all of its memory.
  private boolean postcopy;
  private @Nullable DirtyPages discarded;

  private SourceSwitchover(
      SourceSession session,
      PageEncoding encoding,
      List<Connection> memory,
      List<Connection> faults,
      boolean postcopy) {
    this.session = session;
    this.ending = session.ending();
    this.encoding = encoding;
    this.memory = memory;
    this.faults = faults;
    this.postcopy = postcopy;
  }

  /**
   * The destination has all memory before the guest runs there.
   *
   * @param memory what the last round is sent on, if there are rounds
   */
  static SourceSwitchover whole(
      SourceSession session, PageEncoding encoding, List<Connection> memory) {
    return new SourceSwitchover(session, encoding, memory, List.of(), false);
  }

  /**
   * The guest fetches what is missing.
   *
   * @param faults what it asks for pages on
   */
  static SourceSwitchover toPostcopy(SourceSession session, List<Connection> faults) {
    return new SourceSwitchover(session, PageEncoding.plain(), List.of(), faults, true);
  }

  /**
   * Begins.
   *
   * @param dirty what is known not to be up to date on the destination, if there were rounds
   */
  Behavior<Command> pause(DirtyPages dirty) {
    session.askVm(Vm.PauseForHandover::new);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, m -> onPaused(m, dirty))
                .onMessage(
                    Cancel.class, m -> ending.giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onPaused(FromVm m, DirtyPages dirty) {
    if (!(m.reply() instanceof Vm.GuestPaused paused)) {
      return ending.guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    session.figures().paused(paused.sinceNanos());
    if (!session.options().mode().hasRounds() || !session.seed().running()) {
      return saveState();
    }
    session.askVm(Vm.CollectDirty::new);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, r -> onLastDirty(r, dirty))
                .onMessage(
                    Cancel.class, r -> ending.giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onLastDirty(FromVm m, DirtyPages before) {
    if (!(m.reply() instanceof Vm.DirtyCollected dirty)) {
      return ending.guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    DirtyPages rest = before.or(dirty.pages());
    return postcopy ? discard(rest.rounded(session.memory().pageSize().bytes())) : lastRound(rest);
  }

  private Behavior<Command> lastRound(DirtyPages rest) {
    session.figures().beginRound(rest.bytes());
    session.sendRound(new PrecopyRound(rest.runs(), encoding, DirtyAgain.NEVER), memory);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(RoundSent.class, this::onLastRoundSent)
                .onMessage(
                    Cancel.class,
                    m -> ending.giveUpInRound(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onLastRoundSent(RoundSent m) {
    session.figures().endRound(m.result().bytes(), m.result().elapsedNanos());
    return saveState();
  }

  private Behavior<Command> discard(DirtyPages pages) {
    if (pages.isEmpty()) {
      // Nothing was written since: the destination has all, and opens no fault for it.
      postcopy = false;
      return saveState();
    }
    session.step(
        () -> {
          session.channel().discard(pages);
          return new Discarded(pages);
        },
        done -> done);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(Discarded.class, this::onDiscarded)
                .onMessage(
                    Cancel.class, m -> ending.failed(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onDiscarded(Discarded m) {
    discarded = m.pages();
    return saveState();
  }

  private Behavior<Command> saveState() {
    session.askVm(Vm.SaveState::new);
    return session.state(
        MigrationPhase.SWITCHOVER,
        on ->
            on.onMessage(FromVm.class, this::onSaved)
                .onMessage(
                    Cancel.class, m -> ending.giveUp(MigrationPhase.SWITCHOVER, cancellation())));
  }

  private Behavior<Command> onSaved(FromVm m) {
    if (!(m.reply() instanceof Vm.GuestSaved saved)) {
      return ending.guestFailed(m.reply(), MigrationPhase.SWITCHOVER);
    }
    if (session.options().mode() == MemoryMode.LOCAL && session.options().verify()) {
      // The memory is shared: once the destination runs, the digest of the switchover is gone.
      session.step(session::memoryDigest, Digested::new);
      return session.state(
          MigrationPhase.SWITCHOVER,
          on ->
              on.onMessage(Digested.class, d -> handOver(saved, d.digest()))
                  .onMessage(
                      Cancel.class, d -> ending.giveUp(MigrationPhase.SWITCHOVER, cancellation())));
    }
    return handOver(saved, null);
  }

  private Behavior<Command> handOver(Vm.GuestSaved saved, @Nullable String digest) {
    // The server must answer before State makes the destination ask.
    SourceServing serving = postcopy ? SourceServing.start(session, faults, discarded) : null;
    return new SourceHandover(session, digest, serving).sendState(saved.state());
  }
}
