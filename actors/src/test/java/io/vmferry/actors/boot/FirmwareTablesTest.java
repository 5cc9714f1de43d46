package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads the tables as a kernel does. */
class FirmwareTablesTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64})
  void namesEveryVcpuInTheMpTable(int vcpus) {
    byte[] bytes = MpTable.bytes(vcpus, 0xF_0000);
    ByteBuffer table = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);

    assertEquals("_MP_", text(table, 0, 4));
    assertEquals(0xF_0010, table.getInt(4));
    assertEquals(0, sum(bytes, 0, 16));
    assertEquals("PCMP", text(table, 16, 4));
    assertEquals(bytes.length - 16, table.getShort(20));
    assertEquals(0, sum(bytes, 16, bytes.length));
    List<Integer> ids = new ArrayList<>();
    int at = 16 + 44;
    for (int i = table.getShort(16 + 34); i > 0; i--) {
      if (table.get(at) == 0) {
        assertEquals(ids.isEmpty() ? 3 : 1, table.get(at + 3), "enabled, the first boots");
        ids.add((int) table.get(at + 1));
      }
      at += table.get(at) == 0 ? 20 : 8;
    }
    assertEquals(bytes.length, at);
    assertEquals(IntStream.range(0, vcpus).boxed().toList(), ids);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 64})
  void namesEveryVcpuInTheAcpiTables(int vcpus) throws IOException {
    try (GuestMemory memory = GuestMemory.allocate(8 << 20, PageSize.KIB_4)) {
      AcpiTables.write(memory, vcpus);

      byte[] pointer = memory.read(BootLayout.ACPI, 36);
      assertEquals(0, sum(pointer, 0, 20));
      assertEquals(0, sum(pointer, 0, 36));
      ByteBuffer root = table(memory, little(pointer).getLong(24), "XSDT");
      assertEquals(36 + 16, root.limit());
      ByteBuffer fadt = table(memory, root.getLong(36), "FACP");
      assertEquals(36, table(memory, fadt.getLong(140), "DSDT").limit());
      assertEquals(fadt.getLong(140), fadt.getInt(40));
      ByteBuffer madt = table(memory, root.getLong(44), "APIC");
      List<Integer> ids = new ArrayList<>();
      int at = 44;
      while (at < madt.limit()) {
        if (madt.get(at) == 0) {
          ids.add((int) madt.get(at + 3));
          assertEquals(1, madt.getInt(at + 4));
        }
        at += madt.get(at + 1);
      }
      assertEquals(madt.limit(), at);
      assertEquals(IntStream.range(0, vcpus).boxed().toList(), ids);
    }
  }

  private static ByteBuffer table(GuestMemory memory, long at, String signature) {
    int length = little(memory.read(new Gpa(at + 4), 4)).getInt();
    byte[] bytes = memory.read(new Gpa(at), length);
    assertEquals(signature, text(little(bytes), 0, 4));
    assertEquals(0, sum(bytes, 0, length), signature);
    return little(bytes);
  }

  private static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static String text(ByteBuffer table, int at, int length) {
    byte[] bytes = new byte[length];
    table.get(at, bytes);
    return new String(bytes, US_ASCII);
  }

  private static byte sum(byte[] bytes, int from, int to) {
    byte sum = 0;
    for (int i = from; i < to; i++) {
      sum += bytes[i];
    }
    return sum;
  }
}
