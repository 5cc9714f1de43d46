package io.vmferry.actors.boot;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.guest.GuestRun;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.kvm.testing.RequiresKvm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kernels of a few hundred bytes on real KVM: each reports what it was started with. */
@RequiresKvm
class KernelBootIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final String CMDLINE = "console=ttyS0 ro";

  /** Map of 64 MiB: below the firmware area, that area, and the rest. */
  private static final String MAP =
      """
      map=00000003
      base=00000000
      size=000a0000
      type=00000001
      base=000e0000
      size=00020000
      type=00000002
      base=00100000
      size=03f00000
      type=00000001
      """;

  @TempDir Path directory;

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void startsAnElfKernelByItsPvhNote() throws IOException {
    String report = run(KernelFiles.pvhElf(TinyKernel.pvhReporter(1)), 1);

    assertEquals(
        """
        magic=336ec578
        version=00000001
        cmdline=console=ttyS0 ro
        modules=00000001
        initrd=03fff000
        size=00000006
        first=61746164
        rsdp=20445352
        """
            + MAP
            + "done\n",
        report);
  }

  @Test
  void startsAnElfKernelWithoutNoteIn64BitMode() throws IOException {
    String report = run(KernelFiles.elf(TinyKernel.zeroPageReporter(TinyKernel.BASE)), 1);

    assertEquals(zeroPageReport(0x3FFF000), report);
  }

  @Test
  void startsABzImageByThe64BitProtocol() throws IOException {
    byte[] code = TinyKernel.zeroPageReporter(TinyKernel.BASE + KernelFiles.BZ_CODE_OFFSET);
    ByteBuffer kernel = KernelFiles.bzImage(code).putInt(0x22C, (int) (48 * MIB - 1));

    String report = run(kernel, 1);

    assertEquals(zeroPageReport(0x2FFF000), report);
  }

  @Test
  void letsAKernelWakeItsSecondVcpu() throws IOException {
    String report = run(KernelFiles.pvhElf(TinyKernel.pvhReporter(2)), 2);

    assertTrue(report.endsWith(MAP + "second=1\ndone\n"), report);
  }

  @Test
  void saysWhyAKernelDoesNotBootAndBootsAfterThat() throws IOException {
    Path kernel = Files.writeString(directory.resolve("kernel"), "#!/bin/sh\n");
    try (GuestRun guest = guest(kernel, null, 1)) {
      assertEquals(
          "The kernel file kernel is no kernel: neither an ELF file (vmlinux) nor a bzImage.",
          guest.refusedBoot());
      Files.delete(kernel);
      assertEquals("The kernel file kernel does not exist on this host.", guest.refusedBoot());
      byte[] code = TinyKernel.zeroPageReporter(TinyKernel.BASE);
      KernelFiles.write(directory, "kernel", KernelFiles.elf(code));

      guest.boot();

      guest.await(info -> info.lifeCycle() == LifeCycle.STOPPED);
      assertTrue(guest.console().endsWith("done\n"), guest::console);
    }
  }

  private static String zeroPageReport(int initrd) {
    return """
        long=00000001
        magic=53726448
        loader=000000ff
        cmdline=console=ttyS0 ro
        initrd=%08x
        size=00000006
        first=61746164
        rsdp=20445352
        """
            .formatted(initrd)
        + MAP
        + "done\n";
  }

  private String run(ByteBuffer kernel, int cpus) throws IOException {
    Path file = KernelFiles.write(directory, "kernel", kernel);
    Path initrd = Files.write(directory.resolve("initrd"), "datas\n".getBytes(US_ASCII));
    try (GuestRun guest = guest(file, initrd, cpus)) {
      guest.boot();
      guest.await(info -> info.lifeCycle() == LifeCycle.STOPPED);
      return guest.console();
    }
  }

  private static GuestRun guest(Path kernel, Path initrd, int cpus) throws IOException {
    return new GuestRun(KIT, cpus, 64 * MIB, new GuestSource.Kernel(kernel, initrd, CMDLINE));
  }
}
