package io.vmferry.actors.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.actors.device.Serial16550State;
import io.vmferry.kvm.VcpuState;
import io.vmferry.kvm.VmState;
import io.vmferry.streams.testing.Fuzz;
import io.vmferry.streams.testing.JsonMutator;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.Test;

/** State payloads that are almost good. */
class MachineStateFuzzTest {
  private static final VcpuState VCPU =
      VcpuState.of(
          Map.of(
              "REGS", new byte[144],
              "SREGS", new byte[312],
              "MSRS", new byte[32],
              "XCRS", new byte[392]));

  @Test
  void aStateIsTakenOrRefused() throws Exception {
    MachineState state =
        new MachineState(
            List.of(VCPU, VCPU),
            VmState.of(Map.of("CLOCK", new byte[48], "PIT2", new byte[112])),
            new Serial16550State(1, 0, 3, 8, 0, 1, true, false, List.of(65, 66)));
    byte[] good = state.json().toArray();
    assertEquals(state, MachineState.parse(state.json()));
    Fuzz.of(MachineStateFuzzTest.class, 8_000)
        .refusedWith(IOException.class)
        .run(random -> use(new JsonMutator(random).mutate(good)));
  }

  /** What was taken must be whole: it can be written again. */
  private static void use(byte[] payload) throws IOException {
    MachineState state = MachineState.parse(ByteString.fromArray(payload));
    assertEquals(state, MachineState.parse(state.json()));
  }
}
