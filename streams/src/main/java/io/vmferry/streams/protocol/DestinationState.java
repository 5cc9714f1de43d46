package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.util.Set;

/**
 * Where the destination stands on the main connection. A command that is not legal in the state
 * gets an error answer and ends the migration: {@link #ABORTED}.
 *
 * <pre>
 * ESTABLISHED -Start-&gt; STARTED -MemoryFd*-&gt; MEMORY_FDS_RECEIVED
 * STARTED | MEMORY_FDS_RECEIVED -Config-&gt; CONFIGURED -Memory*-&gt; CONFIGURED
 * CONFIGURED -Discard-&gt; DISCARDED -Discard*-&gt; DISCARDED
 * CONFIGURED | DISCARDED -State-&gt; STATE_RECEIVED -Complete | CompletePaused-&gt; COMPLETED
 * COMPLETED -Settled-&gt; SETTLED
 * any before COMPLETED -Abandon-&gt; ABORTED
 * </pre>
 *
 * <p>Where Memory is legal, so are MemoryZero and MemoryCompressed, if they were agreed; so is
 * Discard. PageFault is legal on fault connections only, so in none of these states. Source:
 * docs/protocol.md#states.
 */
public enum DestinationState {
  /** Connected; nothing has come yet. */
  ESTABLISHED,
  /** The versions fit. */
  STARTED,
  /** At least one memory descriptor has come. */
  MEMORY_FDS_RECEIVED,
  /** The guest exists, without its state. Additional connections are accepted from here on. */
  CONFIGURED,
  /** Hybrid: some pages that came are out of date. No more come before the guest runs. */
  DISCARDED,
  /** All state is here; the guest could run. */
  STATE_RECEIVED,
  /** The guest is here, running or paused. Final, unless RECOVERY was agreed. */
  COMPLETED,
  /** The source knows that the guest is here. Final. */
  SETTLED,
  /** The migration has failed or was abandoned. Final. */
  ABORTED;

  private static final CommandTable<DestinationState> TABLE =
      new CommandTable<>(DestinationState.class);

  static {
    TABLE.allow(ESTABLISHED, Command.START, STARTED);
    TABLE.allow(STARTED, Command.MEMORY_FD, MEMORY_FDS_RECEIVED);
    TABLE.allow(STARTED, Command.IDENTIFY, STARTED);
    TABLE.allow(STARTED, Command.CONFIG, CONFIGURED);
    TABLE.allow(MEMORY_FDS_RECEIVED, Command.MEMORY_FD, MEMORY_FDS_RECEIVED);
    TABLE.allow(MEMORY_FDS_RECEIVED, Command.CONFIG, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY_ZERO, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY_COMPRESSED, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.STATE, STATE_RECEIVED);
    TABLE.allow(CONFIGURED, Command.DISCARD, DISCARDED);
    TABLE.allow(DISCARDED, Command.DISCARD, DISCARDED);
    TABLE.allow(DISCARDED, Command.STATE, STATE_RECEIVED);
    TABLE.allow(STATE_RECEIVED, Command.COMPLETE, COMPLETED);
    TABLE.allow(STATE_RECEIVED, Command.COMPLETE_PAUSED, COMPLETED);
    TABLE.allow(COMPLETED, Command.SETTLED, SETTLED);
    for (DestinationState state : values()) {
      if (state.compareTo(COMPLETED) < 0) {
        TABLE.allow(state, Command.ABANDON, ABORTED);
      }
    }
  }

  /** Whether the command may come now, with these extensions agreed. */
  public boolean permits(Command command, Extensions agreed) {
    return TABLE.permits(this, command, agreed);
  }

  /** The commands that may come now, with these extensions agreed; none in a final state. */
  public Set<Command> permitted(Extensions agreed) {
    return TABLE.permitted(this, agreed);
  }

  /** Whether nothing more may come on the main connection, with these extensions agreed. */
  public boolean isFinal(Extensions agreed) {
    return permitted(agreed).isEmpty();
  }

  /** Whether additional connections, of either role, belong to the migration now. */
  public boolean acceptsConnections() {
    return this == CONFIGURED || this == DISCARDED || this == STATE_RECEIVED;
  }

  /**
   * The state after the command was carried out. One that failed leads to {@link #ABORTED}.
   *
   * @param agreed the migration's extensions, none before Start was answered
   * @throws ProtocolException if it may not come now; the migration is aborted then
   */
  public DestinationState next(Command command, Extensions agreed) throws ProtocolException {
    return TABLE.next(this, command, agreed);
  }
}
