package io.vmferry.actors.migration;

import static io.vmferry.actors.migration.SourceEnding.cancellation;

import io.vmferry.actors.migration.MigrationSource.Cancel;
import io.vmferry.actors.migration.MigrationSource.Command;
import io.vmferry.actors.migration.MigrationSource.Prepared;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.MachineConfig;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transfer.PageEncoding;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.util.List;
import org.apache.pekko.actor.typed.Behavior;

/**
 * The first phase of a {@link MigrationSource}: connect, Start, descriptors or connections, Config.
 */
final class SourcePreparing {
  private final SourceSession session;
  private final SourceEnding ending;
  private final SendOptions options;

  SourcePreparing(SourceSession session) {
    this.session = session;
    this.ending = session.ending();
    this.options = session.options();
  }

  Behavior<Command> prepare() {
    session
        .context()
        .getLog()
        .info(
            "Migration {} of {} to {}",
            session.id(),
            session.spec().name(),
            options.destinationUrl());
    session.step(this::connectAndConfigure, Prepared::new);
    return session.state(
        MigrationPhase.PREPARING,
        on ->
            on.onMessage(Prepared.class, this::onPrepared)
                .onMessage(
                    Cancel.class, m -> ending.failed(MigrationPhase.PREPARING, cancellation())));
  }

  private List<Connection> connectAndConfigure() throws IOException {
    SourceChannel channel = session.channel();
    channel.start(options.extensions() ? Extensions.known() : Extensions.NONE);
    if (options.mode() == MemoryMode.HYBRID && !channel.agreed().has(Extension.HYBRID)) {
      throw new MigrationException(
          FailureCode.INVALID_REQUEST,
          "The destination does not take hybrid migrations; let it receive with"
              + " memory_mode=hybrid, and with extensions on both sides.");
    }
    if (session.recovers()) {
      channel.identify(session.key());
    }
    if (options.mode() == MemoryMode.LOCAL) {
      for (GuestRegion region : session.memory().regions()) {
        channel.memoryFd(region.slot(), region.memfd().fd());
      }
    }
    channel.config(
        MachineConfig.json(session.spec(), session.seed().machine(), session.identityThere())
            .asByteBuffer());
    channel.watch(session.deadPeerTimeout());
    return switch (options.mode()) {
      case PRECOPY, HYBRID -> channel.memoryConnections(options.connections());
      // Now, while the guest still runs here: State must not wait for them.
      case POSTCOPY -> session.openFaultConnections();
      case LOCAL -> List.of();
    };
  }

  private Behavior<Command> onPrepared(Prepared prepared) {
    return switch (options.mode()) {
      case PRECOPY, HYBRID -> new SourceRounds(session, prepared.connections()).begin();
      case POSTCOPY ->
          SourceSwitchover.toPostcopy(session, prepared.connections()).pause(DirtyPages.NONE);
      case LOCAL ->
          SourceSwitchover.whole(session, PageEncoding.plain(), List.of()).pause(DirtyPages.NONE);
    };
  }
}
