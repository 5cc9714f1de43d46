package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

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

  private static final Map<DestinationState, Map<Command, DestinationState>> NEXT =
      new EnumMap<>(DestinationState.class);

  static {
    for (DestinationState state : values()) {
      NEXT.put(state, new EnumMap<>(Command.class));
    }
    allow(ESTABLISHED, Command.START, STARTED);
    allow(STARTED, Command.MEMORY_FD, MEMORY_FDS_RECEIVED);
    allow(STARTED, Command.IDENTIFY, STARTED);
    allow(STARTED, Command.CONFIG, CONFIGURED);
    allow(MEMORY_FDS_RECEIVED, Command.MEMORY_FD, MEMORY_FDS_RECEIVED);
    allow(MEMORY_FDS_RECEIVED, Command.CONFIG, CONFIGURED);
    allow(CONFIGURED, Command.MEMORY, CONFIGURED);
    allow(CONFIGURED, Command.MEMORY_ZERO, CONFIGURED);
    allow(CONFIGURED, Command.MEMORY_COMPRESSED, CONFIGURED);
    allow(CONFIGURED, Command.STATE, STATE_RECEIVED);
    allow(CONFIGURED, Command.DISCARD, DISCARDED);
    allow(DISCARDED, Command.DISCARD, DISCARDED);
    allow(DISCARDED, Command.STATE, STATE_RECEIVED);
    allow(STATE_RECEIVED, Command.COMPLETE, COMPLETED);
    allow(STATE_RECEIVED, Command.COMPLETE_PAUSED, COMPLETED);
    allow(COMPLETED, Command.SETTLED, SETTLED);
    for (DestinationState state : values()) {
      if (state.compareTo(COMPLETED) < 0) {
        allow(state, Command.ABANDON, ABORTED);
      }
    }
  }

  private static void allow(DestinationState from, Command command, DestinationState to) {
    moves(from).put(command, to);
  }

  private static Map<Command, DestinationState> moves(DestinationState from) {
    return NEXT.getOrDefault(from, Map.of());
  }

  /** Whether the command may come now, with these extensions agreed. */
  public boolean permits(Command command, Extensions agreed) {
    return agreed.permit(command) && moves(this).containsKey(command);
  }

  /** The commands that may come now, with these extensions agreed; none in a final state. */
  public Set<Command> permitted(Extensions agreed) {
    return moves(this).keySet().stream()
        .filter(agreed::permit)
        .collect(Collectors.toUnmodifiableSet());
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
    DestinationState to = moves(this).get(command);
    if (to == null || !agreed.permit(command)) {
      String legal =
          isFinal(agreed) ? "no further command" : "one of " + new TreeSet<>(permitted(agreed));
      throw new ProtocolException(legal, command.toString()).inState(name());
    }
    return to;
  }
}
