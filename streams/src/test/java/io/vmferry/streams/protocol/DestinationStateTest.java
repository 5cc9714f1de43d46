package io.vmferry.streams.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The full product of states and commands, written out as the protocol page has it. */
class DestinationStateTest {
  private static final Extensions ALL = Extensions.known();

  // Columns: Start Config State Memory Complete Abandon MemoryFd CompletePaused PageFault
  // MemoryZero MemoryCompressed Pushed Filled Discard Identify Settled Owner Missing Alive
  // Prefault,
  // with every extension agreed.
  // A dash is an error answer and the end.
  private static final String TABLE =
      """
      ESTABLISHED         STARTED - - - - ABORTED - - - - - - - - - - - - - -
      STARTED             - CONFIGURED - - - ABORTED MEMORY_FDS_RECEIVED - - - - - - - STARTED - - - - -
      MEMORY_FDS_RECEIVED - CONFIGURED - - - ABORTED MEMORY_FDS_RECEIVED - - - - - - - - - - - - -
      CONFIGURED          - - STATE_RECEIVED CONFIGURED - ABORTED - - - CONFIGURED CONFIGURED - - DISCARDED - - - - - -
      DISCARDED           - - STATE_RECEIVED - - ABORTED - - - - - - - DISCARDED - - - - - -
      STATE_RECEIVED      - - - - COMPLETED ABORTED - COMPLETED - - - - - - - - - - - -
      COMPLETED           - - - - - - - - - - - - - - - SETTLED - - - -
      SETTLED             - - - - - - - - - - - - - - - - - - - -
      ABORTED             - - - - - - - - - - - - - - - - - - - -
      """;

  static Stream<Arguments> product() {
    return StateTables.product(TABLE);
  }

  @ParameterizedTest
  @MethodSource("product")
  void everyCommandInEveryState(String name, Command command, String expected) throws Exception {
    DestinationState state = DestinationState.valueOf(name);

    if (expected.equals("-")) {
      ProtocolException e = assertThrows(ProtocolException.class, () -> state.next(command, ALL));
      assertEquals(name, e.state());
      assertFalse(state.permits(command, ALL));
      assertFalse(state.permitted(ALL).contains(command));
    } else {
      assertEquals(DestinationState.valueOf(expected), state.next(command, ALL));
      assertTrue(state.permits(command, ALL));
      assertTrue(state.permitted(ALL).contains(command));
    }
  }

  @ParameterizedTest
  @EnumSource(DestinationState.class)
  void commandsOfExtensionsAreIllegalWithoutThem(DestinationState state) {
    for (Command command : Command.values()) {
      if (command.extension() != null) {
        assertFalse(state.permits(command, Extensions.NONE));
        assertThrows(ProtocolException.class, () -> state.next(command, Extensions.NONE));
      }
    }
  }

  @Test
  void theTableNamesEveryStateAndCommand() {
    assertEquals(
        DestinationState.values().length * Command.values().length, (int) product().count());
  }

  @Test
  void saysWhatWasLegal() {
    ProtocolException e =
        assertThrows(
            ProtocolException.class,
            () -> DestinationState.CONFIGURED.next(Command.COMPLETE, Extensions.NONE));

    assertEquals(
        "Expected one of [STATE, MEMORY, ABANDON] but got COMPLETE in state CONFIGURED.",
        e.getMessage());
  }

  @Test
  void takesConnectionsOnlyBetweenConfigAndTheEnd() {
    for (DestinationState state : DestinationState.values()) {
      boolean open =
          state == DestinationState.CONFIGURED
              || state == DestinationState.DISCARDED
              || state == DestinationState.STATE_RECEIVED;
      assertEquals(open, state.acceptsConnections(), state.name());
    }
  }
}
