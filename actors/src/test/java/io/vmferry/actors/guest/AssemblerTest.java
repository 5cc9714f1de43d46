package io.vmferry.actors.guest;

import static io.vmferry.actors.guest.Reg.R10;
import static io.vmferry.actors.guest.Reg.R11;
import static io.vmferry.actors.guest.Reg.R12;
import static io.vmferry.actors.guest.Reg.R13;
import static io.vmferry.actors.guest.Reg.R14;
import static io.vmferry.actors.guest.Reg.R15;
import static io.vmferry.actors.guest.Reg.R8;
import static io.vmferry.actors.guest.Reg.R9;
import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RBX;
import static io.vmferry.actors.guest.Reg.RCX;
import static io.vmferry.actors.guest.Reg.RDI;
import static io.vmferry.actors.guest.Reg.RDX;
import static io.vmferry.actors.guest.Reg.RSI;
import static io.vmferry.actors.guest.Reg.RSP;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.vmferry.actors.guest.Assembler.Alu;
import io.vmferry.actors.guest.Assembler.Cond;
import io.vmferry.actors.guest.Assembler.StringOp;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The expected bytes are those of GNU as 2.40 for the same instructions. */
class AssemblerTest {

  @Test
  void encodesMovesBetweenRegistersAndOfConstants() {
    expect("4c89f8", a -> a.mov(RAX, R15));
    expect("4989d8", a -> a.mov(R8, RBX));
    expect("b8b000e0fe", a -> a.mov(RAX, 0xFEE0_00B0L));
    expect("41b901000000", a -> a.mov(R9, 1));
    expect("48c7c7fbffffff", a -> a.mov(RDI, -5));
    expect("49be157c4a7fb979379e", a -> a.mov(R14, 0x9E37_79B9_7F4A_7C15L));
    expect("4489d9", a -> a.mov32(RCX, R11));
  }

  @Test
  void encodesEveryKindOfMemoryOperand() {
    expect("488b4508", a -> a.mov(RAX, Mem.at(RBP, 8)));
    expect("4d8b2424", a -> a.mov(R12, Mem.at(R12)));
    expect("4d8b6d00", a -> a.mov(R13, Mem.at(R13)));
    expect("488b442418", a -> a.mov(RAX, Mem.at(RSP, 24)));
    expect("4c898bf80f0000", a -> a.mov(Mem.at(RBX, 4088), R9));
    expect("488b4c0d00", a -> a.mov(RCX, Mem.at(RBP, RCX)));
    expect("4a8b942d34120000", a -> a.mov(RDX, new Mem(RBP, R13, 0x1234)));
    expect("48c7454800000000", a -> a.mov(Mem.at(RBP, 0x48), 0));
    expect("8b042500300000", a -> a.mov32(RAX, Mem.absolute(0x3000)));
    expect("41894f40", a -> a.mov32(Mem.at(R15, 0x40), RCX));
    expect("41c707ff010000", a -> a.mov32(Mem.at(R15), 0x1FF));
    expect("460fb60c16", a -> a.movzx8(R9, Mem.at(RSI, R10)));
    expect("4b8d0431", a -> a.lea(RAX, Mem.at(R9, R14)));
    expect("4a8d3c13", a -> a.lea(RDI, Mem.at(RBX, R10)));
    expect("87042500300000", a -> a.xchg32(Mem.absolute(0x3000), RAX));
  }

  @Test
  void encodesArithmetic() {
    expect("4981c14786c861", a -> a.alu(Alu.ADD, R9, 0x61C8_8647));
    expect("4829c8", a -> a.alu(Alu.SUB, RAX, RCX));
    expect("31c0", a -> a.alu32(Alu.XOR, RAX, RAX));
    expect("4183e30f", a -> a.alu32(Alu.AND, R11, 15));
    expect("4c3903", a -> a.alu(Alu.CMP, Mem.at(RBX), R8));
    expect("4c3b4b08", a -> a.alu(Alu.CMP, R9, Mem.at(RBX, 8)));
    expect("48837d1001", a -> a.alu(Alu.CMP, Mem.at(RBP, 16), 1));
    expect("4881850001000034120000", a -> a.alu(Alu.ADD, Mem.at(RBP, 256), 0x1234));
    expect("4d85e4", a -> a.test(R12));
    expect("3c39", a -> a.cmpAl('9'));
    expect("a820", a -> a.testAl(32));
    expect("4c0fafe8", a -> a.imul(R13, RAX));
    expect("49c1e020", a -> a.shl(R8, 32));
    expect("48c1e80c", a -> a.shr(RAX, 12));
    expect("48d3ea", a -> a.shrCl(RDX));
    expect("480fbdc8", a -> a.bsr(RCX, RAX));
    expect("4d0fbde1", a -> a.bsr(R12, R9));
    expect("0f31", Assembler::rdtsc);
    expect("48ff4518", a -> a.inc(Mem.at(RBP, 24)));
    expect("49ffcc", a -> a.dec(R12));
    expect("ffca", a -> a.dec32(RDX));
  }

  @Test
  void encodesStringPortAndControlInstructions() {
    expect("534154415c5b", a -> a.push(RBX, R12).pop(RBX, R12));
    expect("680e000000", a -> a.push(14));
    expect("acaa", a -> a.string(StringOp.LODSB).string(StringOp.STOSB));
    expect(
        "f348abf348aff348a5", a -> a.rep(StringOp.STOSQ).rep(StringOp.SCASQ).rep(StringOp.MOVSQ));
    expect("eeecfbfaf4f390", a -> a.outDxAl().inAlDx().sti().cli().hlt().pause());
    expect("0f20d0410f20d1", a -> a.movFromCr2(RAX).movFromCr2(R9));
  }

  @Test
  void resolvesJumpsForwardAndBack() {
    Assembler asm = new Assembler(0x4000);

    asm.label("start")
        .jcc(Cond.NOT_EQUAL, "end")
        .call("start")
        .lea(RSI, "end")
        .label("end")
        .jmp("start");

    byte[] expected = bytes("0f850c000000" + "e8f5ffffff" + "488d3500000000" + "e9e9ffffff");
    assertArrayEquals(expected, asm.assemble());
    assertEquals(0x4012, asm.address("end"));
  }

  @Test
  void rejectsUnknownAndRepeatedLabels() {
    assertThrows(IllegalArgumentException.class, () -> new Assembler(0).jmp("no").assemble());
    assertThrows(IllegalArgumentException.class, () -> new Assembler(0).label("x").label("x"));
  }

  private static void expect(String hex, Consumer<Assembler> program) {
    Assembler asm = new Assembler(0);
    program.accept(asm);
    assertEquals(hex, HexFormat.of().formatHex(asm.assemble()));
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }
}
