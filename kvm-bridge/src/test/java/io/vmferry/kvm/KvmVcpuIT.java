package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.code;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.VcpuRegs.Register;
import io.vmferry.kvm.testing.RequiresKvm;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs small guests and serves their exits. */
@RequiresKvm
@Timeout(60)
class KvmVcpuIT {
  private KvmSystem system;

  @BeforeEach
  void open() throws Exception {
    system = KvmSystem.open();
  }

  @AfterEach
  void close() {
    system.close();
  }

  @Test
  void realModeGuestWritesAndReadsPorts() throws Exception {
    // in al,0x10; add al,3; out 0x11,al; hlt
    try (TestGuest guest = TestGuest.bare(system).realMode(code("e410 0403 e611 f4"))) {
      KvmVcpu vcpu = guest.vcpu;

      assertEquals(Exit.IO, vcpu.run());
      assertFalse(vcpu.ioIsOut());
      assertEquals(0x10, vcpu.ioPort());
      assertEquals(1, vcpu.ioSize());
      vcpu.setIoData(0, 0x41);
      assertEquals(Exit.IO, vcpu.run());

      assertTrue(vcpu.ioIsOut());
      assertEquals(0x11, vcpu.ioPort());
      assertEquals(0x44, vcpu.ioData(0));
      assertEquals(Exit.HLT, vcpu.run());
      assertThrows(IllegalStateException.class, vcpu::ioPort);
    }
  }

  @Test
  void longModeGuestComputesIn64Bits() throws Exception {
    // mov rax,0x1122334455667788; shr rax,32; mov dx,0x3f8; out dx,eax; hlt
    byte[] code = code("48b8 8877665544332211", "48c1e820", "66baf803", "ef", "f4");
    try (TestGuest guest = TestGuest.bare(system).longMode(code)) {
      KvmVcpu vcpu = guest.vcpu;

      assertEquals(Exit.IO, vcpu.run(), vcpu::errorDetail);

      assertEquals(0x3f8, vcpu.ioPort());
      assertEquals(4, vcpu.ioSize());
      assertEquals(0x11223344, vcpu.ioData(0));
      assertEquals(Exit.HLT, vcpu.run(), vcpu::errorDetail);
      assertEquals(0x11223344L, vcpu.regs().get(Register.RAX));
    }
  }

  @Test
  void stringOutputHasSeveralElements() throws Exception {
    // mov si,0x2000; mov dx,0x3f8; mov cx,5; cld; rep outsb; hlt
    byte[] code = code("be0020 baf803 b90500 fc f36e f4");
    try (TestGuest guest = TestGuest.bare(system).realMode(code)) {
      guest.memory.write(0x2000, "hello".getBytes(StandardCharsets.US_ASCII));
      StringBuilder text = new StringBuilder();

      Exit exit = guest.vcpu.run();
      while (exit == Exit.IO) {
        for (int i = 0; i < guest.vcpu.ioCount(); i++) {
          text.append((char) guest.vcpu.ioData(i));
        }
        exit = guest.vcpu.run();
      }

      assertEquals(Exit.HLT, exit, guest.vcpu::errorDetail);
      assertEquals("hello", text.toString());
    }
  }

  @Test
  void stringInputIsStoredElementByElement() throws Exception {
    // mov di,0x2000; mov dx,0x1f0; mov cx,4; cld; rep insw; hlt
    byte[] code = code("bf0020 baf001 b90400 fc f36d f4");
    try (TestGuest guest = TestGuest.bare(system).realMode(code)) {
      int next = 0x1111;
      boolean several = false;

      Exit exit = guest.vcpu.run();
      while (exit == Exit.IO) {
        several |= guest.vcpu.ioCount() > 1;
        for (int i = 0; i < guest.vcpu.ioCount(); i++) {
          guest.vcpu.setIoData(i, next);
          next += 0x1111;
        }
        exit = guest.vcpu.run();
      }

      assertEquals(Exit.HLT, exit, guest.vcpu::errorDetail);
      assertEquals(0x4444_3333_2222_1111L, guest.memory.u64(0x2000));
      assertTrue(several, "KVM hands several elements over in one exit");
    }
  }

  @Test
  void memoryThatIsNotThereIsServedAsMmio() throws Exception {
    // mov eax,[0xc0001000]; add eax,1; mov [0xc0001008],ax; hlt
    byte[] code =
        code("bb001000c0", "8b03", "83c001", "66894308", "f4"); // mov ebx,0xc0001000 first
    try (TestGuest guest = TestGuest.bare(system).longMode(code)) {
      KvmVcpu vcpu = guest.vcpu;

      assertEquals(Exit.MMIO, vcpu.run(), vcpu::errorDetail);
      assertFalse(vcpu.mmioIsWrite());
      assertEquals(new Gpa(0xc0001000L), vcpu.mmioAddress());
      assertEquals(4, vcpu.mmioLength());
      vcpu.setMmioData(0x1_fffeL);

      assertEquals(Exit.MMIO, vcpu.run(), vcpu::errorDetail);
      assertTrue(vcpu.mmioIsWrite());
      assertEquals(new Gpa(0xc0001008L), vcpu.mmioAddress());
      assertEquals(2, vcpu.mmioLength());
      assertEquals(0xffffL, vcpu.mmioData());
      assertEquals(Exit.HLT, vcpu.run(), vcpu::errorDetail);
    }
  }

  @Test
  void aTripleFaultIsAShutdown() throws Exception {
    // ud2 with an empty interrupt descriptor table
    try (TestGuest guest = TestGuest.bare(system).longMode(code("0f0b"))) {
      Sregs sregs = guest.vcpu.sregs().setIdt(new Sregs.DescriptorTable(0, 0));
      guest.vcpu.setSregs(sregs);

      assertEquals(Exit.SHUTDOWN, guest.vcpu.run(), guest.vcpu::errorDetail);
      assertEquals("vCPU 0: the guest took a triple fault or shut down", guest.vcpu.errorDetail());
    }
  }

  @Test
  void codeThatCannotBeFetchedIsAnInternalErrorInWords() throws Exception {
    // mov eax,0xc0002000; jmp rax: no memory there, so nothing to run
    try (TestGuest guest = TestGuest.bare(system).longMode(code("b8002000c0 ffe0"))) {
      assertEquals(Exit.INTERNAL_ERROR, guest.vcpu.run(), guest.vcpu::errorDetail);
      assertTrue(
          guest.vcpu.errorDetail().startsWith("vCPU 0: KVM internal error 1: KVM cannot emulate"),
          guest.vcpu::errorDetail);
    }
  }

  @Test
  void anInputIsCompletedBeforeTheStateIsSaved() throws Exception {
    // in al,0x10; jmp to itself
    try (TestGuest guest = TestGuest.bare(system).realMode(code("e410 ebfe"))) {
      assertEquals(Exit.IO, guest.vcpu.run());
      guest.vcpu.setIoData(0, 0x5a);

      VcpuState state = guest.vcpu.saveState();

      VcpuRegs regs = VcpuRegs.decode(state.part("REGS"));
      assertEquals(0x5a, regs.rax() & 0xff);
      assertEquals(TestGuest.CODE + 2, regs.rip());
    }
  }

  @Test
  void anOutputIsNotRepeatedAfterARestore() throws Exception {
    // out 0x99,al; hlt
    try (TestGuest source = TestGuest.bare(system).realMode(code("e699 f4"));
        TestGuest destination = TestGuest.bare(system)) {
      assertEquals(Exit.IO, source.vcpu.run());
      destination.memory.write(TestGuest.CODE, code("e699 f4"));

      destination.vcpu.restoreState(source.vcpu.saveState());

      assertEquals(Exit.HLT, destination.vcpu.run());
    }
  }

  @Test
  void aSplitAccessIsServedToItsEndBeforeTheStateIsSaved() throws Exception {
    // mov ebx,0xc0000ffc; mov rax,[rbx]; hlt: eight bytes over a page border, two accesses
    byte[] code = code("bbfc0f00c0", "488b03", "f4");
    try (TestGuest guest = TestGuest.bare(system).longMode(code)) {
      KvmVcpu vcpu = guest.vcpu;
      assertEquals(Exit.MMIO, vcpu.run(), vcpu::errorDetail);
      vcpu.setMmioData(0x44332211L);

      assertThrows(IllegalStateException.class, vcpu::saveState);
      vcpu.setMmioData(0x88776655L);

      assertEquals(Exit.INTERRUPTED, vcpu.completePendingIo());
      assertEquals(0x8877_6655_4433_2211L, VcpuRegs.decode(vcpu.saveState().part("REGS")).rax());
    }
  }

  @Test
  void theSystemTellsWhatItCanDo() throws Exception {
    assertEquals(12, system.apiVersion());
    assertTrue(system.extension(KvmCap.USER_MEMORY) > 0);
    assertTrue(system.extension(KvmCap.IMMEDIATE_EXIT) > 0);
    assertTrue(system.supportedCpuid().size() > 5);
    int[] msrs = system.savedMsrIndices();
    assertEquals(Msrs.IA32_TSC_DEADLINE, msrs[msrs.length - 1]);
    try (TestGuest guest = TestGuest.bare(system)) {
      assertEquals(system.supportedCpuid().size(), guest.vcpu.cpuid().size());
      assertTrue(guest.vcpu.tscKhz() > 0);
      SyscallException overlap =
          assertThrows(
              SyscallException.class,
              () -> guest.vm.setMemslot(1, new Gpa(0x1000), 4096, guest.memory.hva(), false));
      assertEquals(Errno.EEXIST, overlap.errno());
      assertTrue(overlap.getMessage().contains("slot=1, gpa=0x1000"), overlap::getMessage);
      guest.vm.removeMemslot(TestGuest.SLOT);
    }
  }
}
