package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The request numbers against the formula of include/uapi/asm-generic/ioctl.h. */
class KvmAbiTest {
  private static final int KVMIO = 0xae;

  /** Direction, number and argument size as include/uapi/linux/kvm.h spells them. */
  @ParameterizedTest
  @CsvSource({
    "KVM_GET_API_VERSION,        _IO,   0x00, 0",
    "KVM_CREATE_VM,              _IO,   0x01, 0",
    "KVM_GET_MSR_INDEX_LIST,     _IOWR, 0x02, 4",
    "KVM_CHECK_EXTENSION,        _IO,   0x03, 0",
    "KVM_GET_VCPU_MMAP_SIZE,     _IO,   0x04, 0",
    "KVM_GET_SUPPORTED_CPUID,    _IOWR, 0x05, 8",
    "KVM_CREATE_VCPU,            _IO,   0x41, 0",
    "KVM_GET_DIRTY_LOG,          _IOW,  0x42, 16",
    "KVM_SET_USER_MEMORY_REGION, _IOW,  0x46, 32",
    "KVM_SET_TSS_ADDR,           _IO,   0x47, 0",
    "KVM_SET_IDENTITY_MAP_ADDR,  _IOW,  0x48, 8",
    "KVM_CREATE_IRQCHIP,         _IO,   0x60, 0",
    "KVM_IRQ_LINE,               _IOW,  0x61, 8",
    "KVM_GET_IRQCHIP,            _IOWR, 0x62, 520",
    "KVM_SET_IRQCHIP,            _IOR,  0x63, 520",
    "KVM_CREATE_PIT2,            _IOW,  0x77, 64",
    "KVM_SET_CLOCK,              _IOW,  0x7b, 48",
    "KVM_GET_CLOCK,              _IOR,  0x7c, 48",
    "KVM_GET_PIT2,               _IOR,  0x9f, 112",
    "KVM_SET_PIT2,               _IOW,  0xa0, 112",
    "KVM_ENABLE_CAP,             _IOW,  0xa3, 104",
    "KVM_CLEAR_DIRTY_LOG,        _IOWR, 0xc0, 24",
    "KVM_RUN,                    _IO,   0x80, 0",
    "KVM_GET_REGS,               _IOR,  0x81, 144",
    "KVM_SET_REGS,               _IOW,  0x82, 144",
    "KVM_GET_SREGS,              _IOR,  0x83, 312",
    "KVM_SET_SREGS,              _IOW,  0x84, 312",
    "KVM_GET_MSRS,               _IOWR, 0x88, 8",
    "KVM_SET_MSRS,               _IOW,  0x89, 8",
    "KVM_GET_FPU,                _IOR,  0x8c, 416",
    "KVM_SET_FPU,                _IOW,  0x8d, 416",
    "KVM_GET_LAPIC,              _IOR,  0x8e, 1024",
    "KVM_SET_LAPIC,              _IOW,  0x8f, 1024",
    "KVM_SET_CPUID2,             _IOW,  0x90, 8",
    "KVM_GET_CPUID2,             _IOWR, 0x91, 8",
    "KVM_GET_MP_STATE,           _IOR,  0x98, 4",
    "KVM_SET_MP_STATE,           _IOW,  0x99, 4",
    "KVM_GET_VCPU_EVENTS,        _IOR,  0x9f, 64",
    "KVM_SET_VCPU_EVENTS,        _IOW,  0xa0, 64",
    "KVM_GET_DEBUGREGS,          _IOR,  0xa1, 128",
    "KVM_SET_DEBUGREGS,          _IOW,  0xa2, 128",
    "KVM_SET_TSC_KHZ,            _IO,   0xa2, 0",
    "KVM_GET_TSC_KHZ,            _IO,   0xa3, 0",
    "KVM_GET_XSAVE,              _IOR,  0xa4, 4096",
    "KVM_SET_XSAVE,              _IOW,  0xa5, 4096",
    "KVM_GET_XCRS,               _IOR,  0xa6, 392",
    "KVM_SET_XCRS,               _IOW,  0xa7, 392",
    "KVM_KVMCLOCK_CTRL,          _IO,   0xad, 0",
    "KVM_GET_XSAVE2,             _IOR,  0xcf, 4096",
  })
  void requestIsDirectionSizeTypeAndNumber(
      KvmIoctl ioctl, String macro, String number, int argumentBytes) {
    long direction = (macro.contains("W") ? 1 : 0) | (macro.endsWith("R") ? 2 : 0);
    long expected =
        direction << 30 | (long) argumentBytes << 16 | KVMIO << 8 | Integer.decode(number);

    assertEquals(Long.toHexString(expected), Long.toHexString(ioctl.request()));
    assertEquals(argumentBytes, ioctl.argumentBytes());
  }

  @ParameterizedTest
  @EnumSource(KvmIoctl.class)
  void everyRequestIsOfKvmsType(KvmIoctl ioctl) {
    assertEquals(KVMIO, ioctl.request() >> 8 & 0xff);
    assertEquals(0, ioctl.request() >>> 32);
  }

  @Test
  void structSizesAreThoseInTheRequests() {
    assertEquals(VcpuRegs.BYTES, KvmIoctl.KVM_GET_REGS.argumentBytes());
    assertEquals(Sregs.BYTES, KvmIoctl.KVM_GET_SREGS.argumentBytes());
    assertEquals(VcpuStateIo.FPU_BYTES, KvmIoctl.KVM_GET_FPU.argumentBytes());
    assertEquals(VcpuStateIo.XCRS_BYTES, KvmIoctl.KVM_GET_XCRS.argumentBytes());
    assertEquals(VcpuStateIo.LAPIC_BYTES, KvmIoctl.KVM_GET_LAPIC.argumentBytes());
    assertEquals(VcpuStateIo.MP_STATE_BYTES, KvmIoctl.KVM_GET_MP_STATE.argumentBytes());
    assertEquals(VcpuStateIo.EVENTS_BYTES, KvmIoctl.KVM_GET_VCPU_EVENTS.argumentBytes());
    assertEquals(VcpuStateIo.DEBUGREGS_BYTES, KvmIoctl.KVM_GET_DEBUGREGS.argumentBytes());
    assertEquals(VcpuFeatures.XSAVE_BYTES, KvmIoctl.KVM_GET_XSAVE.argumentBytes());
    assertEquals(KvmVm.MEMSLOT_BYTES, KvmIoctl.KVM_SET_USER_MEMORY_REGION.argumentBytes());
    assertEquals(KvmVm.DIRTY_LOG_BYTES, KvmIoctl.KVM_GET_DIRTY_LOG.argumentBytes());
    assertEquals(KvmVm.CLEAR_DIRTY_LOG_BYTES, KvmIoctl.KVM_CLEAR_DIRTY_LOG.argumentBytes());
    assertEquals(KvmVm.IRQCHIP_BYTES, KvmIoctl.KVM_GET_IRQCHIP.argumentBytes());
    assertEquals(KvmVm.PIT_STATE2_BYTES, KvmIoctl.KVM_GET_PIT2.argumentBytes());
    assertEquals(KvmVm.PIT_CONFIG_BYTES, KvmIoctl.KVM_CREATE_PIT2.argumentBytes());
    assertEquals(KvmVm.CLOCK_BYTES, KvmIoctl.KVM_GET_CLOCK.argumentBytes());
    assertEquals(KvmVm.ENABLE_CAP_BYTES, KvmIoctl.KVM_ENABLE_CAP.argumentBytes());
    assertEquals(Msrs.HEADER_BYTES, KvmIoctl.KVM_GET_MSRS.argumentBytes());
    assertEquals(CpuidEntry.HEADER_BYTES, KvmIoctl.KVM_SET_CPUID2.argumentBytes());
  }
}
