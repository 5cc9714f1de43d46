package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.kvm.Sregs.DescriptorTable;
import io.vmferry.kvm.Sregs.Segment;
import io.vmferry.kvm.Sregs.SegmentRegister;
import io.vmferry.kvm.VcpuRegs.Register;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Register structs against the offsets of arch/x86/include/uapi/asm/kvm.h. */
class RegistersTest {

  @Test
  void generalRegistersAreInTheStructsOrder() {
    VcpuRegs regs =
        VcpuRegs.zero().with(Register.RAX, 1).with(Register.RSP, 7).with(Register.RIP, 17);
    ByteBuffer raw = ByteBuffer.wrap(regs.toBytes()).order(ByteOrder.LITTLE_ENDIAN);

    assertEquals(1, raw.getLong(0));
    assertEquals(7, raw.getLong(48));
    assertEquals(17, raw.getLong(128));
    assertEquals(2, raw.getLong(136));
    assertEquals(regs, VcpuRegs.decode(regs.toBytes()));
  }

  @ParameterizedTest
  @EnumSource(Register.class)
  void aRegisterSetIsTheRegisterRead(Register register) {
    assertEquals(
        0x1234_5678_9abcL, VcpuRegs.zero().with(register, 0x1234_5678_9abcL).get(register));
  }

  @ParameterizedTest
  @EnumSource(SegmentRegister.class)
  void aSegmentSetIsTheSegmentRead(SegmentRegister register) {
    Segment segment = new Segment(1L << 40, -1, 0xfff8, 0xb, 1, 3, 1, 1, 0, 1, 1, 0);

    Sregs sregs = new Sregs(new byte[Sregs.BYTES]).setSegment(register, segment);

    assertEquals(segment, sregs.segment(register));
    for (SegmentRegister other : SegmentRegister.values()) {
      if (other != register) {
        assertEquals(0, sregs.segment(other).selector());
      }
    }
  }

  @Test
  void controlRegistersAreAtTheStructsOffsets() {
    Sregs sregs =
        new Sregs(new byte[Sregs.BYTES])
            .setGdt(new DescriptorTable(0x7000, 0x27))
            .setIdt(new DescriptorTable(0x100, 0xfff))
            .setCr0(1)
            .setCr2(2)
            .setCr3(3)
            .setCr4(4)
            .setCr8(8)
            .setEfer(0x500)
            .setApicBase(0xfee00900L);
    ByteBuffer raw = ByteBuffer.wrap(sregs.toBytes()).order(ByteOrder.LITTLE_ENDIAN);

    assertEquals(0x7000, raw.getLong(192));
    assertEquals(0x27, raw.getShort(200));
    assertEquals(0x100, raw.getLong(208));
    assertEquals(1, raw.getLong(224));
    assertEquals(2, raw.getLong(232));
    assertEquals(3, raw.getLong(240));
    assertEquals(4, raw.getLong(248));
    assertEquals(8, raw.getLong(256));
    assertEquals(0x500, raw.getLong(264));
    assertEquals(0xfee00900L, raw.getLong(272));
    assertEquals(new DescriptorTable(0x100, 0xfff), sregs.idt());
  }

  @Test
  void aStructOfAnotherSizeIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> new Sregs(new byte[311]));
  }
}
