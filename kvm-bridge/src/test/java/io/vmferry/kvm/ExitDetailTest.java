package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.jna.Memory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exits in words, read from a kvm_run filled by hand as include/uapi/linux/kvm.h lays it out. */
class ExitDetailTest {
  private Memory run;
  private RunPage page;

  @BeforeEach
  void allocate() {
    run = new Memory(8192);
    run.clear();
    page = new RunPage(run, 8192);
  }

  @AfterEach
  void free() {
    run.close();
  }

  @ParameterizedTest
  @CsvSource({
    "2, IO",
    "5, HLT",
    "6, MMIO",
    "8, SHUTDOWN",
    "9, FAIL_ENTRY",
    "10, INTERRUPTED",
    "17, INTERNAL_ERROR",
    "24, SYSTEM_EVENT",
    "39, MEMORY_FAULT",
    "31, UNKNOWN",
    "0, UNKNOWN"
  })
  void reasonsHaveTheHeadersNumbers(int reason, Exit exit) {
    assertEquals(exit, Exit.of(reason));
  }

  @Test
  void emulationFailureShowsTheInstruction() {
    run.setInt(32, 1); // suberror
    run.setInt(36, 4); // ndata
    run.setLong(40, 1); // flags: instruction bytes are valid
    run.setByte(48, (byte) 3);
    run.write(49, new byte[] {0x0f, 0x10, 0x07}, 0, 3);
    run.setLong(64, 0x99);

    assertEquals(
        "KVM internal error 1: KVM cannot emulate the instruction, bytes 0f 10 07, data 0x99",
        ExitDetail.of(Exit.INTERNAL_ERROR, page));
  }

  @Test
  void internalErrorShowsItsDataAndNoMoreThanThereIsRoomFor() {
    run.setInt(32, 3);
    run.setInt(36, 2);
    run.setLong(40, 0xab);
    run.setLong(48, 0xcd);

    assertEquals(
        "KVM internal error 3: an event could not be delivered, data 0xab 0xcd",
        ExitDetail.of(Exit.INTERNAL_ERROR, page));

    run.setInt(36, 1000);
    assertEquals(16, ExitDetail.of(Exit.INTERNAL_ERROR, page).split("0x", -1).length - 1);
  }

  @Test
  void failedEntryAndSystemEventAndMemoryFaultAreNamed() {
    run.setLong(32, 0x80000021L);
    run.setInt(40, 1);
    assertEquals(
        "the processor refused to enter the guest: reason 0x80000021 on host CPU 1",
        ExitDetail.of(Exit.FAIL_ENTRY, page));

    run.clear();
    run.setInt(32, 2);
    assertEquals("system event: reset", ExitDetail.of(Exit.SYSTEM_EVENT, page));

    run.setLong(32, 8);
    run.setLong(40, 0x1000);
    run.setLong(48, 0x2000);
    assertEquals(
        "no memory for 8192 bytes at guest address 0x1000 (flags 0x8)",
        ExitDetail.of(Exit.MEMORY_FAULT, page));
  }

  @Test
  void portDataIsReadAtItsSizeAndBounded() {
    run.setByte(32, (byte) 1);
    run.setByte(33, (byte) 2);
    run.setShort(34, (short) 0xcf8);
    run.setInt(36, 2);
    run.setLong(40, 4096);
    run.setShort(4096, (short) 0xfffe);
    run.setShort(4098, (short) 7);

    assertEquals("port output to 0xcf8, 2 x 2 bytes", ExitDetail.of(Exit.IO, page));
    assertEquals(0xfffe, page.ioData(0));
    assertEquals(7, page.ioData(1));
    assertThrows(IndexOutOfBoundsException.class, () -> page.ioData(2));

    page.setIoData(1, 0x12345);
    assertEquals(0x2345, page.ioData(1));
  }
}
