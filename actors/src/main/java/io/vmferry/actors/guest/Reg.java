package io.vmferry.actors.guest;

/** A 64-bit general register; 32-bit and 8-bit forms of an instruction name the same constants. */
public enum Reg {
  RAX(0),
  RCX(1),
  RDX(2),
  RBX(3),
  RSP(4),
  RBP(5),
  RSI(6),
  RDI(7),
  R8(8),
  R9(9),
  R10(10),
  R11(11),
  R12(12),
  R13(13),
  R14(14),
  R15(15);

  private final int number;

  Reg(int number) {
    this.number = number;
  }

  /** The register an opcode extension in ModRM stands for. Source: Intel SDM volume 2, 2.1.5. */
  static Reg numbered(int number) {
    return values()[number];
  }

  /** The low three bits, which go into ModRM, SIB or the opcode. */
  int low() {
    return number & 7;
  }

  /** 1 when the REX prefix must carry the fourth bit. */
  int high() {
    return number >> 3;
  }
}
