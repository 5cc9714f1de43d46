package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The table by which a kernel built without ACPI finds its vCPUs, the I/O APIC and the wiring of
 * the ISA interrupts: KVM's in-kernel routing connects IRQ n to pin n.
 *
 * <p>Source: Intel MultiProcessor Specification 1.4, chapter 4.
 */
final class MpTable {
  private static final int POINTER_BYTES = 16;
  private static final int HEADER_BYTES = 44;
  private static final int PROCESSOR_BYTES = 20;
  private static final int ENTRY_BYTES = 8;

  private static final int REVISION_1_4 = 4;
  private static final int PROCESSOR = 0;
  private static final int BUS = 1;
  private static final int IO_APIC = 2;
  private static final int IO_INTERRUPT = 3;
  private static final int LOCAL_INTERRUPT = 4;

  private static final int ENABLED = 1;
  private static final int BOOT_PROCESSOR = 2;
  private static final int SIGNATURE = 0x600; // family 6; kernels ask CPUID
  private static final int FEATURES = 0x201; // FPU and APIC
  private static final int LOCAL_APIC_VERSION = 0x14;
  private static final int IO_APIC_VERSION = 0x11;
  private static final int LOCAL_APIC = 0xFEE0_0000;
  private static final int IO_APIC_ADDRESS = 0xFEC0_0000;

  private static final int INT = 0;
  private static final int NMI = 1;
  private static final int EXT_INT = 3;
  private static final int ALL_LOCAL_APICS = 0xFF;
  private static final int ISA_BUS = 0;
  private static final int ISA_IRQS = 16;
  private static final int CASCADE_IRQ = 2;

  private MpTable() {}

  /**
   * The floating pointer and the configuration table right behind it.
   *
   * @param vcpus number of vCPUs; vCPU n has local APIC n
   * @param address guest-physical address the bytes will stand at
   */
  static byte[] bytes(int vcpus, long address) {
    // One bus, one I/O APIC, two local interrupts; the cascade is no interrupt of its own.
    int entries = vcpus + 1 + 1 + (ISA_IRQS - 1) + 2;
    int tableBytes = HEADER_BYTES + vcpus * PROCESSOR_BYTES + (entries - vcpus) * ENTRY_BYTES;
    byte[] bytes = new byte[POINTER_BYTES + tableBytes];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);

    out.put(ascii("_MP_", 4)).putInt((int) address + POINTER_BYTES);
    out.put((byte) (POINTER_BYTES / 16)).put((byte) REVISION_1_4);
    out.position(POINTER_BYTES);
    out.put(ascii("PCMP", 4)).putShort((short) tableBytes).put((byte) REVISION_1_4).put((byte) 0);
    out.put(ascii("VMFERRY", 8)).put(ascii("GUEST", 12)).putInt(0).putShort((short) 0);
    out.putShort((short) entries).putInt(LOCAL_APIC).putInt(0);

    for (int id = 0; id < vcpus; id++) {
      int flags = ENABLED | (id == 0 ? BOOT_PROCESSOR : 0);
      out.put((byte) PROCESSOR).put((byte) id).put((byte) LOCAL_APIC_VERSION).put((byte) flags);
      out.putInt(SIGNATURE).putInt(FEATURES).putLong(0);
    }
    out.put((byte) BUS).put((byte) ISA_BUS).put(ascii("ISA", 6));
    out.put((byte) IO_APIC).put((byte) vcpus).put((byte) IO_APIC_VERSION).put((byte) ENABLED);
    out.putInt(IO_APIC_ADDRESS);
    for (int irq = 0; irq < ISA_IRQS; irq++) {
      if (irq != CASCADE_IRQ) {
        interrupt(out, IO_INTERRUPT, INT, irq, vcpus, irq);
      }
    }
    interrupt(out, LOCAL_INTERRUPT, EXT_INT, 0, 0, 0);
    interrupt(out, LOCAL_INTERRUPT, NMI, 0, ALL_LOCAL_APICS, 1);

    bytes[10] = Checksums.complement(bytes, 0, POINTER_BYTES);
    bytes[POINTER_BYTES + 7] = Checksums.complement(bytes, POINTER_BYTES, bytes.length);
    return bytes;
  }

  /** Polarity and trigger mode 0: those of the bus, which are rising edges. */
  private static void interrupt(ByteBuffer out, int entry, int kind, int irq, int apic, int pin) {
    out.put((byte) entry).put((byte) kind).putShort((short) 0);
    out.put((byte) ISA_BUS).put((byte) irq).put((byte) apic).put((byte) pin);
  }

  private static byte[] ascii(String text, int bytes) {
    byte[] padded = new byte[bytes];
    Arrays.fill(padded, (byte) ' ');
    System.arraycopy(text.getBytes(US_ASCII), 0, padded, 0, text.length());
    return padded;
  }
}
