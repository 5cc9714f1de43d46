package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The least of ACPI by which a kernel finds its vCPUs and I/O APIC and how to reset: RSDP, XSDT,
 * FADT, an empty DSDT, and MADT. There are no ACPI devices, sleep states or events; the event and
 * control registers that a FADT must name are at ports where nothing answers.
 *
 * <p>Source: ACPI 6.5, 5.2.5 (RSDP), 5.2.6 (header), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT).
 */
final class AcpiTables {
  private static final int RSDP_BYTES = 36;
  private static final int RSDP_BYTES_REVISION_0 = 20;
  private static final int HEADER_BYTES = 36;
  private static final int FADT_BYTES = 244; // revision 3
  private static final int ALIGNMENT = 64;

  private static final short SCI = 9;
  private static final int PM1_EVENTS = 0x600;
  private static final int PM1_CONTROL = 0x604;
  private static final short NO_C2 = 101;
  private static final short NO_C3 = 1001;
  // Serial port and interrupt controllers of a PC; no VGA, no message interrupts, no CMOS clock.
  private static final short BOOT_ARCHITECTURE = 1 | 1 << 2 | 1 << 3 | 1 << 5;
  // WBINVD works; power and sleep button are no fixed ones; there is a reset register.
  private static final int FADT_FLAGS = 1 | 1 << 4 | 1 << 5 | 1 << 10;
  private static final int RESET_PORT = 0xCF9;
  private static final byte RESET_VALUE = 6;
  private static final byte IO_SPACE = 1;

  private static final int LOCAL_APIC = 0xFEE0_0000;
  private static final int IO_APIC = 0xFEC0_0000;
  private static final int PC_INTERRUPT_CONTROLLERS = 1;
  private static final int ENABLED = 1;
  private static final short LEVEL_HIGH = 0xD;
  private static final byte ALL_PROCESSORS = (byte) 0xFF;

  private final GuestMemory memory;
  private Gpa next = BootLayout.ACPI.plus(ALIGNMENT);

  private AcpiTables(GuestMemory memory) {
    this.memory = memory;
  }

  /**
   * Writes the tables, the RSDP at {@link BootLayout#ACPI}.
   *
   * @param vcpus number of vCPUs; vCPU n has local APIC n
   */
  static void write(GuestMemory memory, int vcpus) {
    AcpiTables tables = new AcpiTables(memory);
    Gpa dsdt = tables.add(header("DSDT", 2, HEADER_BYTES));
    Gpa fadt = tables.add(fadt(dsdt));
    Gpa madt = tables.add(madt(vcpus));
    ByteBuffer xsdt = header("XSDT", 1, HEADER_BYTES + 2 * Long.BYTES);
    Gpa root = tables.add(xsdt.putLong(fadt.value()).putLong(madt.value()));
    memory.write(BootLayout.ACPI, rsdp(root));
  }

  private Gpa add(ByteBuffer table) {
    byte[] bytes = new byte[table.capacity()];
    table.get(0, bytes);
    bytes[9] = Checksums.complement(bytes, 0, bytes.length);
    Gpa at = next;
    memory.write(at, bytes);
    next = at.plus((bytes.length + ALIGNMENT - 1) & -ALIGNMENT);
    return at;
  }

  private static byte[] rsdp(Gpa xsdt) {
    ByteBuffer out = ByteBuffer.allocate(RSDP_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    out.put(ascii("RSD PTR ")).put((byte) 0).put(ascii("VMFERR")).put((byte) 2).putInt(0);
    out.putInt(RSDP_BYTES).putLong(xsdt.value());
    byte[] bytes = out.array();
    bytes[8] = Checksums.complement(bytes, 0, RSDP_BYTES_REVISION_0);
    bytes[32] = Checksums.complement(bytes, 0, RSDP_BYTES);
    return bytes;
  }

  /** A table with its header, positioned behind it. */
  private static ByteBuffer header(String signature, int revision, int bytes) {
    ByteBuffer out = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    out.put(ascii(signature)).putInt(bytes).put((byte) revision).put((byte) 0);
    return out.put(ascii("VMFERR")).put(ascii("GUEST   ")).putInt(1).put(ascii("VMFY")).putInt(1);
  }

  private static ByteBuffer fadt(Gpa dsdt) {
    return header("FACP", 3, FADT_BYTES)
        .putInt(40, (int) dsdt.value())
        .putShort(46, SCI)
        .putInt(56, PM1_EVENTS)
        .putInt(64, PM1_CONTROL)
        .put(88, (byte) 4)
        .put(89, (byte) 2)
        .putShort(96, NO_C2)
        .putShort(98, NO_C3)
        .putShort(109, BOOT_ARCHITECTURE)
        .putInt(112, FADT_FLAGS)
        // A generic address: space, bits, offset in them, access size; then the address.
        .put(116, IO_SPACE)
        .put(117, (byte) Byte.SIZE)
        .put(119, (byte) 1)
        .putLong(120, RESET_PORT)
        .put(128, RESET_VALUE)
        .putLong(140, dsdt.value());
  }

  private static ByteBuffer madt(int vcpus) {
    int bytes = HEADER_BYTES + 8 + vcpus * 8 + 12 + 10 + 6;
    ByteBuffer out = header("APIC", 3, bytes).putInt(LOCAL_APIC).putInt(PC_INTERRUPT_CONTROLLERS);
    for (int id = 0; id < vcpus; id++) {
      out.put((byte) 0).put((byte) 8).put((byte) id).put((byte) id).putInt(ENABLED);
    }
    out.put((byte) 1).put((byte) 12).put((byte) vcpus).put((byte) 0).putInt(IO_APIC).putInt(0);
    // ISA interrupt n is global interrupt n unless said otherwise; SCI only differs in its trigger.
    out.put((byte) 2).put((byte) 10).put((byte) 0).put((byte) SCI).putInt(SCI);
    out.putShort(LEVEL_HIGH);
    return out.put((byte) 4).put((byte) 6).put(ALL_PROCESSORS).putShort((short) 0).put((byte) 1);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }
}
