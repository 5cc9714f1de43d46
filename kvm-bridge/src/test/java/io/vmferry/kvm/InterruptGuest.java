package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.code;

import io.vmferry.kvm.Sregs.DescriptorTable;

/**
 * A 64-bit guest that sums 1, 2, 3, ... while timers interrupt it. In RCX the count, in R8 the sum,
 * both copied to memory in each turn; the interrupt handlers count in memory.
 *
 * <p>RBX points to the local APIC. Assembled by hand; each line is one instruction or two.
 */
final class InterruptGuest {
  private static final long COUNT = 0x6000;
  private static final long SUM = 0x6008;
  private static final long PIT_TICKS = 0x6010;
  private static final long APIC_TICKS = 0x6018;
  private static final long LINE_INTERRUPTS = 0x6020;
  private static final long GDT = 0x7000;
  private static final int PIT_VECTOR = 0x20;
  private static final int PERIODIC_VECTOR = 0x40;
  private static final int DEADLINE_VECTOR = 0x41;
  private static final int LINE_VECTOR = 0x50;

  /** An input of the IOAPIC that nothing else drives; edge triggered, vector 0x50. */
  static final int LINE = 5;

  /** Written when the interrupt sources are set up. */
  static final int READY_PORT = 0x99;

  private static final byte[] PERIODIC =
      code(
          "b011 e620", // mov al,0x11; out 0x20,al      PIC: ICW1
          "b020 e621", // mov al,0x20; out 0x21,al      ICW2: vector 0x20
          "b004 e621", // mov al,4;    out 0x21,al      ICW3
          "b001 e621", // mov al,1;    out 0x21,al      ICW4
          "b0fe e621", // mov al,0xfe; out 0x21,al      mask all but IRQ 0
          "b0ff e6a1", // mov al,0xff; out 0xa1,al
          "b034 e643", // mov al,0x34; out 0x43,al      PIT channel 0, mode 2
          "b09c e640", // mov al,0x9c; out 0x40,al      divisor 11932: 100 a second
          "b02e e640", // mov al,0x2e; out 0x40,al
          "bb0000e0fe", // mov ebx,0xfee00000
          "c783f0000000ff010000", // mov dword [rbx+0xf0],0x1ff       APIC on
          "c7835003000000070000", // mov dword [rbx+0x350],0x700      LINT0: ExtINT
          "c783e00300000b000000", // mov dword [rbx+0x3e0],0xb        timer divides by 1
          "c7832003000040000200", // mov dword [rbx+0x320],0x20040    periodic
          "c78380030000002d3101", // mov dword [rbx+0x380],20000000   20 ms at 1 GHz
          "bd0000c0fe", // mov ebp,0xfec00000
          "c745001a000000", // mov dword [rbp],0x1a       IOAPIC: input 5, low half
          "c7451050000000", // mov dword [rbp+0x10],0x50
          "c745001b000000", // mov dword [rbp],0x1b
          "c7451000000000", // mov dword [rbp+0x10],0
          "e699 fb", // out 0x99,al; sti
          "48ffc1 4901c8", // loop: inc rcx; add r8,rcx
          "48890c2500600000", // mov [0x6000],rcx
          "4c89042508600000", // mov [0x6008],r8
          "ebe8"); // jmp loop

  private static final byte[] DEADLINE =
      code(
          "bb0000e0fe", // mov ebx,0xfee00000
          "c783f0000000ff010000", // mov dword [rbx+0xf0],0x1ff
          "c7832003000041000400", // mov dword [rbx+0x320],0x40041    deadline mode
          "e81b000000", // call arm
          "e699 fb", // out 0x99,al; sti
          "48ffc1 4901c8", // loop: as above
          "48890c2500600000",
          "4c89042508600000",
          "ebe8",
          "0f31", // arm: rdtsc
          "48c1e220 4809d0", // shl rdx,32; or rax,rdx
          "4805005a6202", // add rax,40000000
          "4889c2 48c1ea20", // mov rdx,rax; shr rdx,32
          "51 b9e0060000", // push rcx; mov ecx,0x6e0
          "0f30 59 c3"); // wrmsr; pop rcx; ret

  private static final int ARM_OFFSET = 0x39;

  private static final byte[] PIT_HANDLER =
      code(
          "50", // push rax
          "48ff042510600000", // inc qword [0x6010]
          "b020 e620", // mov al,0x20; out 0x20,al
          "58 48cf"); // pop rax; iretq
  private static final byte[] APIC_HANDLER =
      code(
          "48ff042518600000", // inc qword [0x6018]
          "c783b000000000000000", // mov dword [rbx+0xb0],0
          "48cf"); // iretq
  private static final byte[] LINE_HANDLER =
      code(
          "48ff042520600000", // inc qword [0x6020]
          "c783b000000000000000", // mov dword [rbx+0xb0],0
          "48cf"); // iretq

  private InterruptGuest() {}

  /** PIT through the PIC, periodic APIC timer, IOAPIC input. */
  static TestGuest periodic(KvmSystem system) throws SyscallException {
    return install(TestGuest.withIrqchip(system).longMode(PERIODIC));
  }

  /** APIC timer in TSC deadline mode, armed again by each interrupt. */
  static TestGuest deadline(KvmSystem system) throws SyscallException {
    return install(TestGuest.withIrqchip(system).longMode(DEADLINE));
  }

  private static TestGuest install(TestGuest guest) throws SyscallException {
    handler(guest, PIT_VECTOR, 0x2000, PIT_HANDLER);
    handler(guest, PERIODIC_VECTOR, 0x2040, APIC_HANDLER);
    handler(guest, LINE_VECTOR, 0x2080, LINE_HANDLER);
    long deadlineHandler = 0x20c0;
    long callEnd = deadlineHandler + 25;
    String toArm = le32((int) (TestGuest.CODE + ARM_OFFSET - callEnd));
    handler(
        guest,
        DEADLINE_VECTOR,
        deadlineHandler,
        code(
            "50 52", // push rax; push rdx
            "48ff042518600000", // inc qword [0x6018]
            "c783b000000000000000", // mov dword [rbx+0xb0],0
            "e8" + toArm, // call arm
            "5a 58 48cf")); // pop rdx; pop rax; iretq
    guest.memory.setU64(GDT + 8, 0x00af9b000000ffffL); // 64-bit code
    guest.memory.setU64(GDT + 16, 0x00cf93000000ffffL); // data
    Sregs sregs = guest.vcpu.sregs();
    guest.vcpu.setSregs(sregs.setGdt(new DescriptorTable(GDT, 0x27)));
    return guest;
  }

  private static void handler(TestGuest guest, int vector, long address, byte[] code) {
    guest.memory.write(address, code);
    // A 64-bit interrupt gate: offset 0-15, selector 8, type 0x8e, offset 16-31.
    guest.memory.setU64(16L * vector, address | 8L << 16 | 0x8eL << 40);
    guest.memory.setU64(16L * vector + 8, 0);
  }

  private static String le32(int value) {
    return String.format("%08x", Integer.reverseBytes(value));
  }

  static long count(TestGuest guest) {
    return guest.memory.u64(COUNT);
  }

  static long pitTicks(TestGuest guest) {
    return guest.memory.u64(PIT_TICKS);
  }

  static long apicTicks(TestGuest guest) {
    return guest.memory.u64(APIC_TICKS);
  }

  static long lineInterrupts(TestGuest guest) {
    return guest.memory.u64(LINE_INTERRUPTS);
  }

  static long sum(TestGuest guest) {
    return guest.memory.u64(SUM);
  }
}
