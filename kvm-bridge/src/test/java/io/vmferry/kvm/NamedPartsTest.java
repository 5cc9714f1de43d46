package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** State objects copy, compare by content and refuse what they do not know. */
class NamedPartsTest {
  private static Map<String, byte[]> vcpuParts() {
    Map<String, byte[]> parts = new HashMap<>();
    parts.put("REGS", new byte[] {1});
    parts.put("SREGS", new byte[] {2});
    parts.put("MSRS", new byte[] {3});
    return parts;
  }

  @Test
  void changesOutsideDoNotReachTheState() {
    Map<String, byte[]> parts = vcpuParts();
    VcpuState state = VcpuState.of(parts);

    parts.get("REGS")[0] = 9;
    state.parts().get("SREGS")[0] = 9;

    assertArrayEquals(new byte[] {1}, state.parts().get("REGS"));
    assertArrayEquals(new byte[] {2}, state.parts().get("SREGS"));
    assertThrows(UnsupportedOperationException.class, () -> state.parts().clear());
  }

  @Test
  void statesOfTheSameBytesAreEqual() {
    assertEquals(VcpuState.of(vcpuParts()), VcpuState.of(vcpuParts()));
    assertEquals(VcpuState.of(vcpuParts()).hashCode(), VcpuState.of(vcpuParts()).hashCode());

    Map<String, byte[]> other = vcpuParts();
    other.put("MSRS", new byte[] {4});
    assertNotEquals(VcpuState.of(vcpuParts()), VcpuState.of(other));
  }

  @Test
  void unknownAndMissingPartsAreNamed() {
    Map<String, byte[]> unknown = vcpuParts();
    unknown.put("SVE", new byte[0]);
    Map<String, byte[]> missing = vcpuParts();
    missing.remove("MSRS");

    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> VcpuState.of(unknown))
            .getMessage()
            .contains("unknown part SVE"));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> VcpuState.of(missing))
            .getMessage()
            .contains("lacks the part MSRS"));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> VmState.of(Map.of()))
            .getMessage()
            .contains("lacks the part CLOCK"));
  }
}
