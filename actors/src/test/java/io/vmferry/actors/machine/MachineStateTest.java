package io.vmferry.actors.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineStateTest {
  @Test
  void refusesAnotherVersionAndNamesBoth() {
    String message = refusal("{\"vmferry\": {\"version\": 2, \"vcpus\": []}}");

    assertEquals(
        "The machine state has version 2, and this program reads version 1; run the same vmferry"
            + " on both hosts.",
        message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "snapshots: [ | is not JSON",
        "{\"snapshots\": {\"cpu-manager\": {}}} | was not written by vmferry",
        "{\"vmferry\": {\"version\": 1, \"vcpus\": [{\"REGS\": 7}]}} | is damaged",
        "{\"vmferry\": {}} | has version none"
      })
  void refusesWhatIsNoState(String json, String because) {
    String message = refusal(json);

    assertTrue(message.contains(because), message);
  }

  @Test
  void refusesMoreValuesThanAStateHas() {
    String message = refusal("{\"vmferry\": [" + "0,".repeat(1_000_000) + "0]}");

    assertEquals("The machine state is not JSON.", message);
  }

  private static String refusal(String json) {
    return assertThrows(IOException.class, () -> MachineState.parse(ByteString.fromString(json)))
        .getMessage();
  }
}
