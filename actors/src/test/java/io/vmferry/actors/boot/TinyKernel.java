package io.vmferry.actors.boot;

import static io.vmferry.actors.guest.Reg.RAX;
import static io.vmferry.actors.guest.Reg.RBP;
import static io.vmferry.actors.guest.Reg.RBX;
import static io.vmferry.actors.guest.Reg.RCX;
import static io.vmferry.actors.guest.Reg.RDI;
import static io.vmferry.actors.guest.Reg.RDX;
import static io.vmferry.actors.guest.Reg.RSI;
import static java.nio.charset.StandardCharsets.US_ASCII;

import io.vmferry.actors.guest.Assembler;
import io.vmferry.actors.guest.Assembler.Alu;
import io.vmferry.actors.guest.Assembler.Cond;
import io.vmferry.actors.guest.Assembler.StringOp;
import io.vmferry.actors.guest.Mem;

/**
 * Programs of some hundred bytes that stand in for a kernel and say on the serial port what they
 * were given. Only instructions that are the same bytes in 32-bit and 64-bit mode are used, but
 * where {@link #longMode} says otherwise.
 */
public final class TinyKernel {
  /** Where the programs run. */
  public static final long BASE = 0x100_0000;

  private static final int COM1 = 0x3F8;
  private static final int LOCAL_APIC = 0xFEE0_0000;
  private static final int SPURIOUS = 0xF0;
  private static final int COMMAND = 0x300;
  private static final int COMMAND_TARGET = 0x310;
  private static final int SECOND_CPU_PAGE = 0x30;
  private static final int SECOND_CPU_CODE = SECOND_CPU_PAGE << 12;
  private static final int SECOND_CPU_FLAG = SECOND_CPU_CODE + 0x100;

  /**
   * Real mode: print the APIC id that CPUID names as a digit, and a newline; raise the flag; halt.
   */
  private static final int[] SECOND_CPU = {
    0x66, 0xB8, 1, 0, 0, 0, // mov eax, 1
    0x0F, 0xA2, // cpuid
    0x66, 0xC1, 0xEB, 24, // shr ebx, 24
    0x88, 0xD8, 0x04, '0', // mov al, bl; add al, '0'
    0xBA, 0xF8, 0x03, 0xEE, // mov dx, 0x3f8; out dx, al
    0xB0, '\n', 0xEE, // mov al, '\n'; out dx, al
    0x2E, 0xC6, 0x06, 0x00, 0x01, 0x01, // mov byte [cs:0x100], 1
    0xFA, 0xF4, 0xEB, 0xFC, // cli; hlt; jmp to cli
    0x90
  };

  private final Assembler asm;

  private TinyKernel(long origin) {
    this.asm = new Assembler(origin);
  }

  /** Reports a PVH start info; with a second vCPU it wakes that, which reports too. */
  static byte[] pvhReporter(int vcpus) {
    TinyKernel kernel = new TinyKernel(BASE);
    kernel.word("magic", Mem.at(RBX)).word("version", Mem.at(RBX, 4));
    kernel.asm.mov32(RSI, Mem.at(RBX, 24));
    kernel.text("cmdline").word("modules", Mem.at(RBX, 12));
    kernel.asm.mov32(RDI, Mem.at(RBX, 16));
    kernel.word("initrd", Mem.at(RDI)).word("size", Mem.at(RDI, 8));
    kernel.asm.mov32(RDI, Mem.at(RDI));
    kernel.word("first", Mem.at(RDI));
    kernel.asm.mov32(RDI, Mem.at(RBX, 32));
    kernel.word("rsdp", Mem.at(RDI)).word("map", Mem.at(RBX, 48));
    kernel.asm.mov32(RDI, Mem.at(RBX, 40));
    kernel.mapEntries(24);
    if (vcpus > 1) {
      kernel.wakeSecond();
    }
    return kernel.end();
  }

  /** Reports a zero page. */
  static byte[] zeroPageReporter(long origin) {
    TinyKernel kernel = new TinyKernel(origin);
    kernel.asm.mov32(RBX, RSI);
    kernel.longMode();
    kernel.word("magic", Mem.at(RBX, 0x202));
    kernel.asm.movzx8(RBP, Mem.at(RBX, 0x210));
    kernel.value("loader");
    kernel.asm.mov32(RSI, Mem.at(RBX, 0x228));
    kernel.text("cmdline").word("initrd", Mem.at(RBX, 0x218)).word("size", Mem.at(RBX, 0x21C));
    kernel.asm.mov32(RDI, Mem.at(RBX, 0x218));
    kernel.word("first", Mem.at(RDI));
    kernel.asm.mov32(RDI, Mem.at(RBX, 0x70));
    kernel.word("rsdp", Mem.at(RDI));
    kernel.asm.movzx8(RBP, Mem.at(RBX, 0x1E8));
    kernel.value("map");
    kernel.asm.mov32(RDI, RBX).alu32(Alu.ADD, RDI, 0x2D0);
    kernel.mapEntries(20);
    return kernel.end();
  }

  /** Sets the serial port's scratch register, then prints lines that contain it, slowly. */
  public static byte[] chatterer() {
    TinyKernel kernel = new TinyKernel(BASE);
    kernel.out(COM1 + 7, 0x5A);
    kernel.out(COM1 + 1, 0x04);
    kernel.asm.mov(RBX, 3000).label("again").mov(RDX, COM1 + 7);
    kernel.asm.alu32(Alu.XOR, RAX, RAX).inAlDx().mov32(RBP, RAX);
    kernel.value("scratch");
    kernel.asm.mov(RDX, COM1 + 1).alu32(Alu.XOR, RAX, RAX).inAlDx().mov32(RBP, RAX);
    kernel.value("enabled");
    kernel.asm.mov(RCX, 5000).label("delay").dec32(RCX).jcc(Cond.NOT_EQUAL, "delay");
    kernel.asm.dec32(RBX).jcc(Cond.NOT_EQUAL, "again");
    kernel.asm.label("halt").cli().hlt().jmp("halt");
    kernel.routines();
    return kernel.asm.assemble();
  }

  /**
   * Makes pages that are not zero and says {@code filled}; makes them zero between half a second
   * and two seconds later and says {@code wiped}.
   */
  public static byte[] wiper(int from, int pages) {
    TinyKernel kernel = new TinyKernel(BASE);
    kernel.writePages("fill", from, pages, 7).print("filled\n");
    kernel.timestamp().asm.mov32(RBX, RAX).alu32(Alu.ADD, RBX, 3);
    kernel.asm.label("wait");
    kernel.timestamp().asm.alu32(Alu.CMP, RAX, RBX).jcc(Cond.NOT_EQUAL, "wait");
    kernel.writePages("wipe", from, pages, 0).print("wiped\n");
    kernel.asm.label("halt").cli().hlt().jmp("halt");
    return kernel.asm.assemble();
  }

  private TinyKernel writePages(String label, int from, int pages, int word) {
    asm.mov(RDI, from).mov(RCX, pages).label(label).mov32(Mem.at(RDI), word);
    asm.alu32(Alu.ADD, RDI, 4096).dec32(RCX).jcc(Cond.NOT_EQUAL, label);
    return this;
  }

  /** EAX counts units of 2^30 cycles. */
  private TinyKernel timestamp() {
    asm.bytes(0x0F, 0x31, 0xC1, 0xE8, 30); // rdtsc; shr eax, 30
    asm.bytes(0xC1, 0xE2, 2, 0x09, 0xD0); // shl edx, 2; or eax, edx
    return this;
  }

  /** Three ranges of a memory map at RDI: base, size and type of each. */
  private void mapEntries(int entryBytes) {
    for (int i = 0; i < 3; i++) {
      word("base", Mem.at(RDI, i * entryBytes));
      word("size", Mem.at(RDI, i * entryBytes + 8));
      word("type", Mem.at(RDI, i * entryBytes + 16));
    }
  }

  /** Prints {@code long=00000001} in 64-bit mode; in another these bytes are other instructions. */
  private void longMode() {
    asm.mov(RAX, 0x1_0000_0001L).shr(RAX, 32).mov32(RBP, RAX);
    value("long");
  }

  private void wakeSecond() {
    for (int i = 0; i < SECOND_CPU.length; i += 4) {
      int word = 0;
      for (int j = 3; j >= 0; j--) {
        word = word << 8 | (i + j < SECOND_CPU.length ? SECOND_CPU[i + j] : 0);
      }
      asm.mov32(Mem.absolute(SECOND_CPU_CODE + i), word);
    }
    print("second=");
    asm.mov(RAX, Integer.toUnsignedLong(LOCAL_APIC)).mov32(Mem.at(RAX, SPURIOUS), 0x1FF);
    for (int command : new int[] {0x4500, 0x4600 | SECOND_CPU_PAGE}) { // INIT, start-up
      asm.mov32(Mem.at(RAX, COMMAND_TARGET), 1 << 24).mov32(Mem.at(RAX, COMMAND), command);
    }
    asm.label("second").mov32(RAX, Mem.absolute(SECOND_CPU_FLAG));
    asm.alu32(Alu.CMP, RAX, 1).jcc(Cond.NOT_EQUAL, "second");
  }

  private byte[] end() {
    print("done\n");
    out(0x64, 0xFE);
    asm.label("halt").cli().hlt().jmp("halt");
    routines();
    return asm.assemble();
  }

  private void routines() {
    // EBP as 8 hexadecimal digits and a newline; spoils EAX, ECX, EDX.
    asm.label("hex").mov(RCX, 8).mov(RDX, COM1).label("hex.digit").bytes(0xC1, 0xC5, 4);
    asm.mov32(RAX, RBP).alu32(Alu.AND, RAX, 0xF).alu32(Alu.ADD, RAX, '0').cmpAl('9');
    asm.jcc(Cond.NOT_ABOVE, "hex.out").alu32(Alu.ADD, RAX, 'a' - '9' - 1);
    asm.label("hex.out").outDxAl().dec32(RCX).jcc(Cond.NOT_EQUAL, "hex.digit");
    asm.mov(RAX, '\n').outDxAl().ret();
    // The text at ESI and a newline.
    asm.label("puts").mov(RDX, COM1).label("puts.next").string(StringOp.LODSB).cmpAl(0);
    asm.jcc(Cond.EQUAL, "puts.end").outDxAl().jmp("puts.next");
    asm.label("puts.end").mov(RAX, '\n').outDxAl().ret();
  }

  private TinyKernel word(String name, Mem at) {
    asm.mov32(RBP, at);
    value(name);
    return this;
  }

  private void value(String name) {
    print(name + "=");
    asm.call("hex");
  }

  private TinyKernel text(String name) {
    print(name + "=");
    asm.call("puts");
    return this;
  }

  private void print(String text) {
    asm.mov(RDX, COM1);
    for (byte b : text.getBytes(US_ASCII)) {
      asm.mov(RAX, b).outDxAl();
    }
  }

  private void out(int port, int value) {
    asm.mov(RDX, port).mov(RAX, value).outDxAl();
  }
}
