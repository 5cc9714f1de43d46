package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Status;
import java.util.Set;

/**
 * Where the source stands on the main connection: the mirror of {@link DestinationState}, with the
 * one state that only a source has, {@link #COMPLETE_SENT}.
 *
 * <p>{@link #next} is asked before a command is sent and gives the state for when its answer is ok,
 * with the exception of Complete and CompletePaused: those lead to {@link #COMPLETE_SENT} as soon
 * as their first byte may have left, and {@link #answered} leads on.
 *
 * <pre>
 * CONNECTED -Start-&gt; STARTED -MemoryFd*-&gt; MEMORY_FDS_SENT
 * STARTED | MEMORY_FDS_SENT -Config-&gt; CONFIGURED -Memory*-&gt; CONFIGURED
 * CONFIGURED -Discard-&gt; DISCARDED -Discard*-&gt; DISCARDED
 * CONFIGURED | DISCARDED -State-&gt; STATE_SENT -Complete | CompletePaused-&gt; COMPLETE_SENT -ok-&gt; COMPLETED
 * any before COMPLETE_SENT -Abandon, error answer, lost connection-&gt; ABANDONED
 * COMPLETE_SENT -error answer-&gt; ABANDONED
 * COMPLETE_SENT -lost connection-&gt; COMPLETE_SENT: nobody knows, the guest stays paused
 * </pre>
 *
 * <p>Where Memory may be sent, so may MemoryZero and MemoryCompressed, if they were agreed. Source:
 * docs/protocol.md#states.
 */
public enum SourceState {
  /** Connected; nothing has been sent. */
  CONNECTED,
  /** The versions fit. */
  STARTED,
  /** At least one memory descriptor was taken. */
  MEMORY_FDS_SENT,
  /** The destination has made the guest and takes memory. */
  CONFIGURED,
  /** Hybrid: the destination knows which pages it must ask for. */
  DISCARDED,
  /** The destination has all state and could run the guest. */
  STATE_SENT,
  /** Complete or CompletePaused is under way: who owns the guest is not known. */
  COMPLETE_SENT,
  /** The destination owns the guest. Final, unless RECOVERY was agreed. */
  COMPLETED,
  /** The destination owns the guest and was told that this is known. Final. */
  SETTLED,
  /** The destination does not run the guest and will not. Final. */
  ABANDONED;

  private static final CommandTable<SourceState> TABLE = new CommandTable<>(SourceState.class);

  static {
    TABLE.allow(CONNECTED, Command.START, STARTED);
    TABLE.allow(STARTED, Command.MEMORY_FD, MEMORY_FDS_SENT);
    TABLE.allow(STARTED, Command.IDENTIFY, STARTED);
    TABLE.allow(STARTED, Command.CONFIG, CONFIGURED);
    TABLE.allow(MEMORY_FDS_SENT, Command.MEMORY_FD, MEMORY_FDS_SENT);
    TABLE.allow(MEMORY_FDS_SENT, Command.CONFIG, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY_ZERO, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.MEMORY_COMPRESSED, CONFIGURED);
    TABLE.allow(CONFIGURED, Command.STATE, STATE_SENT);
    TABLE.allow(CONFIGURED, Command.DISCARD, DISCARDED);
    TABLE.allow(DISCARDED, Command.DISCARD, DISCARDED);
    TABLE.allow(DISCARDED, Command.STATE, STATE_SENT);
    TABLE.allow(STATE_SENT, Command.COMPLETE, COMPLETE_SENT);
    TABLE.allow(STATE_SENT, Command.COMPLETE_PAUSED, COMPLETE_SENT);
    TABLE.allow(COMPLETED, Command.SETTLED, SETTLED);
    for (SourceState state : values()) {
      if (state.guestIsHere() && state != ABANDONED) {
        TABLE.allow(state, Command.ABANDON, ABANDONED);
      }
    }
  }

  /** Whether the command may be sent now, with these extensions agreed. */
  public boolean permits(Command command, Extensions agreed) {
    return TABLE.permits(this, command, agreed);
  }

  /** The commands that may be sent now, with these extensions agreed. */
  public Set<Command> permitted(Extensions agreed) {
    return TABLE.permitted(this, agreed);
  }

  /** Whether nothing more may be sent on the main connection. */
  public boolean isFinal() {
    return this == COMPLETED || this == SETTLED || this == ABANDONED;
  }

  /**
   * Whether the guest is certainly the source's, so that it may run here. False in {@link
   * #COMPLETE_SENT}: only the destination's word, or an operator's, ends that.
   */
  public boolean guestIsHere() {
    return this != COMPLETE_SENT && this != COMPLETED && this != SETTLED;
  }

  /**
   * The state after the command, once it was answered ok; {@link #COMPLETE_SENT} at once.
   *
   * @param agreed the migration's extensions, none before Start was answered
   * @throws ProtocolException if it may not be sent now: a fault of this program
   */
  public SourceState next(Command command, Extensions agreed) throws ProtocolException {
    return TABLE.next(this, command, agreed);
  }

  /**
   * The state after an answer: a refusal ends the migration, and in {@link #COMPLETE_SENT} the
   * answer settles who owns the guest. Any other ok changes nothing.
   */
  public SourceState answered(Status status) {
    if (isFinal()) {
      return this;
    }
    if (status == Status.ERROR) {
      return ABANDONED;
    }
    return this == COMPLETE_SENT ? COMPLETED : this;
  }

  /** The state after the main connection was lost. */
  public SourceState connectionLost() {
    return guestIsHere() ? ABANDONED : this;
  }
}
