package io.vmferry.kvm.uffd;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class UffdCallsTest {
  // Source: include/uapi/asm-generic/ioctl.h, _IOC(dir, type, nr, size).
  private static long ioc(long direction, long nr, long size) {
    return direction << 30 | size << 16 | 0xaaL << 8 | nr;
  }

  private static long iowr(long nr, long size) {
    return ioc(3, nr, size);
  }

  private static long ior(long nr, long size) {
    return ioc(2, nr, size);
  }

  @Test
  void requestNumbersFollowTheFormula() {
    assertEquals(ioc(0, 0, 0), UffdCalls.USERFAULTFD_IOC_NEW);
    assertEquals(iowr(0x3f, UffdCalls.API_BYTES), UffdCalls.UFFDIO_API);
    assertEquals(iowr(0x00, UffdCalls.REGISTER_BYTES), UffdCalls.UFFDIO_REGISTER);
    assertEquals(ior(0x01, UffdCalls.RANGE_BYTES), UffdCalls.UFFDIO_UNREGISTER);
    assertEquals(ior(0x02, UffdCalls.RANGE_BYTES), UffdCalls.UFFDIO_WAKE);
    assertEquals(iowr(0x03, UffdCalls.COPY_BYTES), UffdCalls.UFFDIO_COPY);
    assertEquals(iowr(0x04, UffdCalls.ZEROPAGE_BYTES), UffdCalls.UFFDIO_ZEROPAGE);
    assertEquals(iowr(0x06, UffdCalls.WRITEPROTECT_BYTES), UffdCalls.UFFDIO_WRITEPROTECT);
    assertEquals(iowr(0x07, UffdCalls.CONTINUE_BYTES), UffdCalls.UFFDIO_CONTINUE);
  }

  @Test
  void structsAreAsLargeAsTheKernelsAndTheirLastFieldEndsThem() {
    assertEquals(3 * 8, UffdCalls.API_BYTES);
    assertEquals(UffdCalls.REGISTER_BYTES, UffdCalls.REGISTER_IOCTLS + 8);
    assertEquals(UffdCalls.COPY_BYTES, UffdCalls.COPY_DONE + 8);
    assertEquals(UffdCalls.ZEROPAGE_BYTES, UffdCalls.INSTALL_DONE + 8);
    assertEquals(UffdCalls.CONTINUE_BYTES, UffdCalls.INSTALL_DONE + 8);
    assertEquals(UffdCalls.WRITEPROTECT_BYTES, UffdCalls.WRITEPROTECT_MODE + 8);
    assertEquals(UffdCalls.RANGE_BYTES, UffdCalls.LENGTH + 8);
    // struct uffd_msg: 8 bytes of head and a union of 24.
    assertEquals(32, UffdCalls.MESSAGE_BYTES);
  }
}
