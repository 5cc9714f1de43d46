package io.vmferry.actors.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PortBusTest {

  private int resets;
  private final List<String> writes = new ArrayList<>();
  private final PortBus bus = new PortBus(() -> resets++).add(0x3F8, 8, new Recorder());

  private final class Recorder implements PortDevice {
    @Override
    public int read(int offset) {
      return 0x10 + offset;
    }

    @Override
    public void write(int offset, int value) {
      writes.add(offset + "=" + value);
    }
  }

  @Test
  void reachesADeviceByOffset() {
    bus.write(0x3FB, 1, 3);

    assertEquals(0x15, bus.read(0x3FD, 1));
    assertEquals(List.of("3=3"), writes);
  }

  @Test
  void splitsWideAccesses() {
    bus.write(0x3F8, 2, 0x0201);

    assertEquals(0x13121110, bus.read(0x3F8, 4));
    assertEquals(0xFF17, bus.read(0x3FF, 2));
    assertEquals(List.of("0=1", "1=2"), writes);
  }

  @Test
  void readsOnesWhereNothingIs() {
    assertEquals(0xFF, bus.read(0x60, 1));
    assertEquals(0xFFFF, bus.read(0xCFC, 2));
    assertEquals(-1, bus.read(0xCF8, 4));
    bus.write(0x80, 1, 7);
    bus.write(0xCF8, 4, 0x8000_0000);

    assertEquals(0, resets);
    assertEquals(List.of(), writes);
  }

  @Test
  void resetsInEachOfThreeWays() {
    bus.write(0x64, 1, 0xFE);
    bus.write(0x92, 1, 1);
    bus.write(0xCF9, 1, 6);

    assertEquals(3, resets);
  }

  @Test
  void takesOtherWritesToResetPortsForNothing() {
    bus.write(0x64, 1, 0xD1);
    bus.write(0x92, 1, 2);
    bus.write(0xCF9, 1, 2);
    bus.write(0xCF8, 4, 0xFFFF_FFFF);

    assertEquals(0, resets);
  }

  @Test
  void refusesTwoDevicesOnOnePort() {
    assertThrows(IllegalArgumentException.class, () -> bus.add(0x3FF, 1, new Recorder()));
  }
}
