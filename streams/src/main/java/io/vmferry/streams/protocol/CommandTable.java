package io.vmferry.streams.protocol;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Which command leads from which state of the main connection to which, for one of its sides. */
final class CommandTable<S extends Enum<S>> {
  private final Map<S, Map<Command, S>> next;

  /** A table in which no state takes any command. */
  CommandTable(Class<S> states) {
    this.next = new EnumMap<>(states);
  }

  void allow(S from, Command command, S to) {
    next.computeIfAbsent(from, state -> new EnumMap<>(Command.class)).put(command, to);
  }

  private Map<Command, S> moves(S from) {
    return next.getOrDefault(from, Map.of());
  }

  /** Whether a state takes a command, with these extensions agreed. */
  boolean permits(S state, Command command, Extensions agreed) {
    return agreed.permit(command) && moves(state).containsKey(command);
  }

  /** The commands that a state takes, with these extensions agreed. */
  Set<Command> permitted(S state, Extensions agreed) {
    return moves(state).keySet().stream()
        .filter(agreed::permit)
        .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * Where a command leads.
   *
   * @throws ProtocolException if the state does not take it
   */
  S next(S state, Command command, Extensions agreed) throws ProtocolException {
    S to = moves(state).get(command);
    if (to == null || !agreed.permit(command)) {
      Set<Command> permitted = permitted(state, agreed);
      String legal =
          permitted.isEmpty() ? "no further command" : "one of " + new TreeSet<>(permitted);
      throw new ProtocolException(legal, command.toString()).inState(state.name());
    }
    return to;
  }
}
