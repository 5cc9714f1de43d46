package io.vmferry.kvm;

import static io.vmferry.kvm.TestGuest.code;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.RequiresKvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Machines come and go without leaving anything behind. */
@RequiresKvm
@Timeout(300)
class LeakIT {
  private static final int WARM_UP = 50;
  private static final int MACHINES = 1_000;
  // The JVM maps code and heap and starts compiler threads as it likes, and the malloc of libc adds
  // an arena a thread; a leak of one a machine would be 1,000.
  private static final int JVM_TOLERANCE = 40;

  @Test
  void aThousandMachinesLeaveNothingBehind() throws Exception {
    try (KvmSystem system = KvmSystem.open()) {
      openAndClose(system, WARM_UP);
      long descriptors = entries("fd");
      long kvmDescriptors = kvmDescriptors();
      long mappings = mappings("");
      long threads = entries("task");
      assertEquals(0, mappings("kvm-vcpu"));

      openAndClose(system, MACHINES);

      assertEquals(kvmDescriptors, kvmDescriptors());
      assertFlat("descriptors", descriptors, entries("fd"));
      assertEquals(0, mappings("kvm-vcpu"));
      assertFlat("mappings", mappings, mappings(""));
      assertFlat("threads", threads, entries("task"));
    }
  }

  @Test
  void theCountsSeeAMachineThatIsOpen() throws Exception {
    try (KvmSystem system = KvmSystem.open()) {
      long before = kvmDescriptors();
      try (TestGuest guest = TestGuest.bare(system)) {
        assertEquals(before + 2, kvmDescriptors());
        assertTrue(mappings("kvm-vcpu") > 0, guest.vcpu::errorDetail);
      }
      assertEquals(before, kvmDescriptors());
    }
  }

  @Test
  void aFailedVcpuLeavesNothingBehind() throws Exception {
    try (KvmSystem system = KvmSystem.open();
        KvmVm vm = system.createVm();
        KvmVcpu vcpu = vm.createVcpu(0)) {
      long before = kvmDescriptors();
      try (KvmVcpu second = vm.createVcpu(0)) {
        throw new AssertionError("vCPU 0 twice: " + second.id() + vcpu.id());
      } catch (SyscallException e) {
        assertEquals(Errno.EEXIST, e.errno());
      }
      assertEquals(before, kvmDescriptors());
    }
  }

  private static void openAndClose(KvmSystem system, int count) throws SyscallException {
    for (int i = 0; i < count; i++) {
      try (TestGuest guest = TestGuest.withIrqchip(system).realMode(code("e699 f4"))) {
        assertEquals(Exit.IO, guest.vcpu.run());
        guest.vcpu.saveState();
        guest.vcpu.close(); // a second close, by the guest, is harmless
      }
    }
  }

  private static void assertFlat(String what, long before, long after) {
    assertTrue(
        Math.abs(after - before) <= JVM_TOLERANCE,
        () -> what + " went from " + before + " to " + after + " over " + MACHINES + " machines");
  }

  private static long entries(String directory) throws IOException {
    try (Stream<Path> list = Files.list(Path.of("/proc/self", directory))) {
      return list.count();
    }
  }

  private static long kvmDescriptors() throws IOException {
    try (Stream<Path> list = Files.list(Path.of("/proc/self/fd"))) {
      return list.filter(LeakIT::isKvm).count();
    }
  }

  private static boolean isKvm(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().contains("kvm-v");
    } catch (IOException e) {
      return false; // the descriptor of the listing itself is gone by now
    }
  }

  private static long mappings(String name) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.contains(name)).count();
    }
  }
}
