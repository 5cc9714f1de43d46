package io.vmferry.streams.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Status;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The full product of states and commands, written out as the protocol page has it. */
class SourceStateTest {
  private static final Extensions ALL = Extensions.known();

  // Columns: Start Config State Memory Complete Abandon MemoryFd CompletePaused PageFault
  // MemoryZero MemoryCompressed Pushed Filled Discard Identify Settled Owner Missing Alive
  // Prefault,
  // with every extension agreed.
  // A dash must never be sent.
  private static final String TABLE =
      """
      CONNECTED       STARTED - - - - ABANDONED - - - - - - - - - - - - - -
      STARTED         - CONFIGURED - - - ABANDONED MEMORY_FDS_SENT - - - - - - - STARTED - - - - -
      MEMORY_FDS_SENT - CONFIGURED - - - ABANDONED MEMORY_FDS_SENT - - - - - - - - - - - - -
      CONFIGURED      - - STATE_SENT CONFIGURED - ABANDONED - - - CONFIGURED CONFIGURED - - DISCARDED - - - - - -
      DISCARDED       - - STATE_SENT - - ABANDONED - - - - - - - DISCARDED - - - - - -
      STATE_SENT      - - - - COMPLETE_SENT ABANDONED - COMPLETE_SENT - - - - - - - - - - - -
      COMPLETE_SENT   - - - - - - - - - - - - - - - - - - - -
      COMPLETED       - - - - - - - - - - - - - - - SETTLED - - - -
      SETTLED         - - - - - - - - - - - - - - - - - - - -
      ABANDONED       - - - - - - - - - - - - - - - - - - - -
      """;

  static Stream<Arguments> product() {
    return StateTables.product(TABLE);
  }

  @ParameterizedTest
  @MethodSource("product")
  void everyCommandInEveryState(String name, Command command, String expected) throws Exception {
    SourceState state = SourceState.valueOf(name);

    if (expected.equals("-")) {
      ProtocolException e = assertThrows(ProtocolException.class, () -> state.next(command, ALL));
      assertEquals(name, e.state());
      assertFalse(state.permits(command, ALL));
      assertFalse(state.permitted(ALL).contains(command));
    } else {
      assertEquals(SourceState.valueOf(expected), state.next(command, ALL));
      assertTrue(state.permits(command, ALL));
      assertTrue(state.permitted(ALL).contains(command));
    }
  }

  @ParameterizedTest
  @EnumSource(SourceState.class)
  void commandsOfExtensionsAreIllegalWithoutThem(SourceState state) {
    for (Command command : Command.values()) {
      if (command.extension() != null) {
        assertFalse(state.permits(command, Extensions.NONE));
        assertThrows(ProtocolException.class, () -> state.next(command, Extensions.NONE));
      }
    }
  }

  @Test
  void theTableNamesEveryStateAndCommand() {
    assertEquals(SourceState.values().length * Command.values().length, (int) product().count());
  }

  @ParameterizedTest
  @EnumSource(SourceState.class)
  void aSourceSendsOnlyWhatADestinationTakes(SourceState state) throws Exception {
    DestinationState peer =
        switch (state) {
          case CONNECTED -> DestinationState.ESTABLISHED;
          case STARTED -> DestinationState.STARTED;
          case MEMORY_FDS_SENT -> DestinationState.MEMORY_FDS_RECEIVED;
          case CONFIGURED -> DestinationState.CONFIGURED;
          case DISCARDED -> DestinationState.DISCARDED;
          case STATE_SENT -> DestinationState.STATE_RECEIVED;
          // What its destination takes once it is known to have completed.
          case COMPLETE_SENT, SETTLED -> DestinationState.SETTLED;
          case COMPLETED -> DestinationState.COMPLETED;
          case ABANDONED -> DestinationState.ABORTED;
        };

    assertEquals(peer.permitted(ALL), state.permitted(ALL));
    assertEquals(peer.permitted(Extensions.NONE), state.permitted(Extensions.NONE));
  }

  @ParameterizedTest
  @EnumSource(SourceState.class)
  void neverResumesOnceCompleteMayHaveArrivedUnlessRefused(SourceState state) {
    boolean sent =
        state.compareTo(SourceState.COMPLETE_SENT) >= 0 && state != SourceState.ABANDONED;

    assertEquals(!sent, state.guestIsHere());
    assertEquals(sent ? state : SourceState.ABANDONED, state.connectionLost());
    assertEquals(state.isFinal() ? state : SourceState.ABANDONED, state.answered(Status.ERROR));
    assertEquals(
        state == SourceState.COMPLETE_SENT ? SourceState.COMPLETED : state,
        state.answered(Status.OK));
  }
}
