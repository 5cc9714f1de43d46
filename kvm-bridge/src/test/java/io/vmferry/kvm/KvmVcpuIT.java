package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.code;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.VcpuRegs.Register;
import io.vmferry.kvm.testing.RequiresKvm;
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
}
