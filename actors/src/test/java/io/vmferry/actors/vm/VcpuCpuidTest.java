package io.vmferry.actors.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.CpuidEntry;
import java.util.List;
import org.junit.jupiter.api.Test;

class VcpuCpuidTest {
  @Test
  void putsTheApicIdWhereAProcessorNamesIt() {
    List<CpuidEntry> machine =
        List.of(
            new CpuidEntry(1, 0, 0, 11, 0x7F10_0800, 1, 4),
            new CpuidEntry(0xB, 1, 1, 5, 16, 0x201, 0x7F),
            new CpuidEntry(0x8000_001E, 0, 0, 0x7F, 0x101, 2, 3),
            new CpuidEntry(7, 0, 1, 1, 2, 3, 4));

    List<CpuidEntry> third = VcpuCpuid.of(machine, 3);

    assertEquals(new CpuidEntry(1, 0, 0, 11, 0x0310_0800, 0x8000_0001, 4), third.get(0));
    assertEquals(new CpuidEntry(0xB, 1, 1, 5, 16, 0x201, 3), third.get(1));
    assertEquals(new CpuidEntry(0x8000_001E, 0, 0, 3, 0x101, 2, 3), third.get(2));
    assertEquals(machine.get(3), third.get(3));
  }
}
