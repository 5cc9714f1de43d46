package io.vmferry.actors.migration;

import io.vmferry.actors.machine.Machine;
import io.vmferry.actors.machine.MachineState;
import io.vmferry.actors.migration.MigrationDestination.Cancel;
import io.vmferry.actors.migration.MigrationDestination.Command;
import io.vmferry.actors.migration.MigrationDestination.FromSource;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.VmSpec;
import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Response;
import java.io.IOException;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * A {@link MigrationDestination} while memory comes, until State. Memory itself is received below
 * this actor; only Discard and what ends the phase are heard here.
 */
final class DestinationReceiving {
  private final DestinationSession session;
  private final DestinationEnding ending;
  private final Machine machine;
  private final VmSpec spec;
  private final MissingPages missing;

  /**
   * @param missing the pages that will not have come when the guest runs; Discard adds to them
   */
  DestinationReceiving(
      DestinationSession session, Machine machine, VmSpec spec, MissingPages missing) {
    this.session = session;
    this.ending = session.ending();
    this.machine = machine;
    this.spec = spec;
    this.missing = missing;
  }

  Behavior<Command> receiving() {
    return session.state(
        MigrationPhase.PRECOPY,
        on ->
            on.onMessage(FromSource.class, m -> onReceiving(m.event()))
                .onMessage(Cancel.class, m -> ending.cancelled(MigrationPhase.PRECOPY)));
  }

  private Behavior<Command> onReceiving(Inbound event) {
    if (event instanceof Inbound.Discard discard) {
      return onDiscard(discard);
    }
    return event instanceof Inbound.State state
        ? onState(state)
        : ending.onEnd(event, MigrationPhase.PRECOPY);
  }

  private Behavior<Command> onDiscard(Inbound.Discard discard) {
    try {
      missing.add(discard.pages());
    } catch (ProtocolException e) {
      return ending.refused(discard, MigrationPhase.SWITCHOVER, e);
    }
    discard.reply(Response.ok());
    return Behaviors.same();
  }

  private Behavior<Command> onState(Inbound.State event) {
    session.figures().stateCame();
    if (session.options().mode().hasRounds()
        && session.memoryFds().isEmpty()
        && missing.isEmpty()
        && session.figures().bytesReceived().get() == 0) {
      return ending.refused(event, MigrationPhase.SWITCHOVER, otherMode());
    }
    MachineState state;
    try {
      state = session.read("state", () -> MachineState.parse(event.json()));
      requireVcpus(state.vcpus().size());
    } catch (IOException e) {
      return ending.refused(event, MigrationPhase.SWITCHOVER, e);
    }
    return new DestinationRestoring(session, event, state, machine, spec).restore(missing);
  }

  private void requireVcpus(int saved) throws IOException {
    if (saved != spec.cpus()) {
      throw new IOException(
          "The machine state has "
              + saved
              + " vCPUs, and the guest's configuration says "
              + spec.cpus()
              + ".");
    }
  }

  /** To run this guest would be to run it without its memory. */
  private static MigrationException otherMode() {
    return new MigrationException(
        FailureCode.INVALID_REQUEST,
        "The source sent no memory before the guest's state; give both sides the same"
            + " memory_mode.");
  }
}
