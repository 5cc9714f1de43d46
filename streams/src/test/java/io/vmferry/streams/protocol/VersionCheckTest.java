package io.vmferry.streams.protocol;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import org.junit.jupiter.api.Test;

class VersionCheckTest {

  @Test
  void acceptsVersionZeroWithAnyExtensionsOffered() {
    assertDoesNotThrow(() -> VersionCheck.check(Request.start(Extensions.NONE)));
    assertDoesNotThrow(() -> VersionCheck.check(Request.start(new Extensions(-1))));
  }

  @Test
  void refusesEveryLaterVersion() {
    for (int version = 1; version <= 0xffff; version++) {
      assertFalse(VersionCheck.accepts(version));
    }
    ProtocolException e =
        assertThrows(
            ProtocolException.class,
            () -> VersionCheck.check(new Request(Command.START, 255, Extensions.NONE, 0)));
    assertEquals("Expected protocol version 0 but got version 255.", e.getMessage());
  }

  @Test
  void onlyStartCarriesAVersion() {
    assertThrows(
        IllegalArgumentException.class, () -> VersionCheck.check(Request.of(Command.CONFIG)));
  }
}
