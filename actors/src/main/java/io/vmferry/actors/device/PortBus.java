package io.vmferry.actors.device;

import io.vmferry.kvm.KvmVcpu;
import java.util.HashMap;
import java.util.Map;

/**
 * Takes port I/O exits to the devices. Ports without a device read as ones and ignore writes, like
 * an empty bus: the PCI configuration ports 0xCF8 to 0xCFF say so that there is no PCI bus.
 *
 * <p>The bus itself knows port 0x80 (POST code and delay: ignored) and the three ways of a PC to
 * reset: 0xFE to the keyboard controller's port 0x64, bit 0 of port 0x92, bit 2 of port 0xCF9.
 *
 * <p>Devices are added before the vCPUs run; after that any thread may dispatch.
 */
public final class PortBus {

  private static final int KEYBOARD_COMMAND = 0x64;
  private static final int KEYBOARD_PULSE_RESET = 0xFE;
  private static final int SYSTEM_CONTROL = 0x92;
  private static final int RESET_CONTROL = 0xCF9;
  private static final int RESET_CPU = 4;
  private static final int ABSENT = 0xFF;

  private record Attached(int first, PortDevice device) {}

  private final Map<Integer, Attached> devices = new HashMap<>();
  private final Runnable onReset;

  /**
   * @param onReset called on the vCPU's thread when the guest asks for a reset
   */
  public PortBus(Runnable onReset) {
    this.onReset = onReset;
  }

  /**
   * Adds a device.
   *
   * @param first its first port
   * @param count number of ports
   * @throws IllegalArgumentException if one of them is taken
   */
  public PortBus add(int first, int count, PortDevice device) {
    for (int port = first; port < first + count; port++) {
      if (devices.putIfAbsent(port, new Attached(first, device)) != null) {
        throw new IllegalArgumentException("Port 0x" + Integer.toHexString(port) + " is taken");
      }
    }
    return this;
  }

  /** Serves the I/O exit that {@code vcpu} has just reported; call on its thread. */
  public void dispatch(KvmVcpu vcpu) {
    int port = vcpu.ioPort();
    int bytes = vcpu.ioSize();
    for (int i = 0; i < vcpu.ioCount(); i++) {
      if (vcpu.ioIsOut()) {
        write(port, bytes, vcpu.ioData(i));
      } else {
        vcpu.setIoData(i, read(port, bytes));
      }
    }
  }

  /**
   * Reads a port; a wide access reads consecutive byte ports.
   *
   * @param bytes 1, 2 or 4
   */
  public int read(int port, int bytes) {
    int value = 0;
    for (int i = 0; i < bytes; i++) {
      Attached attached = devices.get(port + i);
      int read = attached == null ? ABSENT : attached.device.read(port + i - attached.first);
      value |= (read & 0xFF) << (8 * i);
    }
    return value;
  }

  /**
   * Writes a port; a wide access writes consecutive byte ports.
   *
   * @param bytes 1, 2 or 4
   */
  public void write(int port, int bytes, int value) {
    for (int i = 0; i < bytes; i++) {
      int out = (value >>> (8 * i)) & 0xFF;
      Attached attached = devices.get(port + i);
      if (attached != null) {
        attached.device.write(port + i - attached.first, out);
      } else if (isReset(port + i, bytes, out)) {
        onReset.run();
      }
    }
  }

  private static boolean isReset(int port, int bytes, int value) {
    return switch (port) {
      case KEYBOARD_COMMAND -> value == KEYBOARD_PULSE_RESET;
      case SYSTEM_CONTROL -> (value & 1) != 0;
      // A wide access here belongs to the PCI configuration address at 0xCF8.
      case RESET_CONTROL -> bytes == 1 && (value & RESET_CPU) != 0;
      default -> false;
    };
  }
}
