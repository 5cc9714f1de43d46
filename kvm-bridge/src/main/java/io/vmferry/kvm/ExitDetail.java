package io.vmferry.kvm;

import java.util.HexFormat;
import java.util.StringJoiner;

/** What kvm_run says of an exit that ends or endangers the guest, in words. */
final class ExitDetail {
  // Source: include/uapi/linux/kvm.h, KVM_INTERNAL_ERROR_*.
  private static final String[] SUBERRORS = {
    "unknown",
    "KVM cannot emulate the instruction",
    "a second event while one is delivered",
    "an event could not be delivered",
    "an exit that KVM does not know"
  };
  private static final int SUBERROR_EMULATION = 1;
  // Source: include/uapi/linux/kvm.h, KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES.
  private static final long FLAG_INSTRUCTION_BYTES = 1;
  // Source: include/uapi/linux/kvm.h, KVM_SYSTEM_EVENT_*.
  private static final String[] SYSTEM_EVENTS = {
    "unknown", "shutdown", "reset", "crash", "wake-up", "suspend", "termination"
  };

  private ExitDetail() {}

  static String of(Exit exit, RunPage page) {
    return switch (exit) {
      case IO ->
          String.format(
              "port %s 0x%x, %d x %d bytes",
              page.u8(RunPage.IO_DIRECTION) == 1 ? "output to" : "input from",
              page.u16(RunPage.IO_PORT),
              page.s32(RunPage.IO_COUNT),
              page.u8(RunPage.IO_SIZE));
      case MMIO ->
          String.format(
              "%s of %d bytes at 0x%x, where the guest has no memory",
              page.u8(RunPage.MMIO_IS_WRITE) != 0 ? "write" : "read",
              page.s32(RunPage.MMIO_LENGTH),
              page.s64(RunPage.MMIO_ADDRESS));
      case SHUTDOWN -> "the guest took a triple fault or shut down";
      case FAIL_ENTRY ->
          String.format(
              "the processor refused to enter the guest: reason 0x%x on host CPU %d",
              page.s64(RunPage.FAIL_ENTRY_REASON), page.s32(RunPage.FAIL_ENTRY_CPU));
      case INTERNAL_ERROR -> internalError(page);
      case SYSTEM_EVENT ->
          "system event: "
              + name(SYSTEM_EVENTS, page.s32(RunPage.SYSTEM_EVENT_TYPE))
              + data(page, 0);
      case MEMORY_FAULT ->
          String.format(
              "no memory for %d bytes at guest address 0x%x (flags 0x%x)",
              page.s64(RunPage.MEMORY_FAULT_SIZE),
              page.s64(RunPage.MEMORY_FAULT_GPA),
              page.s64(RunPage.MEMORY_FAULT_FLAGS));
      case UNKNOWN ->
          String.format(
              "exit reason %d (hardware reason 0x%x)",
              page.exitReason(), page.s64(RunPage.HARDWARE_EXIT_REASON));
      default -> exit.name();
    };
  }

  private static String internalError(RunPage page) {
    int suberror = page.s32(RunPage.SUBERROR);
    String text = "KVM internal error " + suberror + ": " + name(SUBERRORS, suberror);
    int count = page.s32(RunPage.NDATA);
    boolean hasBytes =
        suberror == SUBERROR_EMULATION
            && count >= 1
            && (page.s64(RunPage.DATA) & FLAG_INSTRUCTION_BYTES) != 0;
    if (!hasBytes) {
      return text + data(page, 0);
    }
    int length = Math.min(page.u8(RunPage.INSTRUCTION_SIZE), 15);
    byte[] instruction = new byte[length];
    for (int i = 0; i < length; i++) {
      instruction[i] = (byte) page.u8(RunPage.INSTRUCTION_BYTES + i);
    }
    // data[0] is the flags, data[1] and data[2] the bytes above.
    return text + ", bytes " + HexFormat.ofDelimiter(" ").formatHex(instruction) + data(page, 3);
  }

  private static String data(RunPage page, int first) {
    int count = Math.min(page.s32(RunPage.NDATA), RunPage.DATA_MAX);
    if (count <= first) {
      return "";
    }
    StringJoiner words = new StringJoiner(" ", ", data ", "");
    for (int i = first; i < count; i++) {
      words.add("0x" + Long.toHexString(page.s64(RunPage.DATA + i * Long.BYTES)));
    }
    return words.toString();
  }

  private static String name(String[] names, int number) {
    return number >= 0 && number < names.length ? names[number] : "number " + number;
  }
}
