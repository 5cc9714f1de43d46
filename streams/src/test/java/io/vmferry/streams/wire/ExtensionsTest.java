package io.vmferry.streams.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ExtensionsTest {
  private static final int UNKNOWN_BIT = 1 << 31;

  @Test
  void aDestinationTakesWhatBothKnow() throws Exception {
    Extensions offered = new Extensions(Extensions.known().bits() | UNKNOWN_BIT);

    assertEquals(Extensions.known(), Extensions.known().and(offered));
    assertEquals(Extensions.NONE, Extensions.NONE.and(offered));
    assertEquals(Extensions.NONE, Extensions.NONE.takenFrom(offered));
    assertEquals(offered, offered.takenFrom(offered));
  }

  @Test
  void takingABitThatWasNotOfferedBreaksTheProtocol() {
    Extensions taken = new Extensions(Extension.ZERO_RANGES.mask() | UNKNOWN_BIT);

    ProtocolException e =
        assertThrows(
            ProtocolException.class, () -> taken.takenFrom(Extensions.of(Extension.ZERO_RANGES)));

    assertEquals(
        "Expected extensions out of those offered, [ZERO_RANGES] but got [ZERO_RANGES, 0x80000000].",
        e.getMessage());
  }

  @ParameterizedTest
  @EnumSource(Extension.class)
  void everyExtensionHasABitOfItsOwn(Extension extension) {
    assertEquals(1, Integer.bitCount(extension.mask()));
    for (Extension other : Extension.values()) {
      assertEquals(other == extension, Extensions.of(extension).has(other));
    }
  }

  @ParameterizedTest
  @EnumSource(Command.class)
  void onlyCommandsOfExtensionsNeedAnAgreement(Command command) {
    boolean ofExtension = command.value() >= WireFormat.FIRST_EXTENSION_COMMAND;

    assertEquals(!ofExtension, Extensions.NONE.permit(command));
    assertTrue(Extensions.known().permit(command));
    assertEquals(ofExtension, command.extension() != null);
    assertFalse(Extensions.NONE.has(Extension.ZERO_RANGES));
  }
}
