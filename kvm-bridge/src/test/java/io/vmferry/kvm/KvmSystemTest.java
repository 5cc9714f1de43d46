package io.vmferry.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user is told where KVM cannot be used; needs no KVM. */
class KvmSystemTest {
  @TempDir private Path directory;

  @Test
  void aMissingDeviceIsNamedWithTheRemedy() {
    Path device = directory.resolve("kvm");

    IOException failure = assertThrows(KvmUnavailableException.class, () -> KvmSystem.open(device));

    assertEquals(
        device
            + " does not exist: load the module kvm_intel or kvm_amd (virtualisation must be on"
            + " in the firmware) or give this container the device",
        failure.getMessage());
    assertEquals(
        Errno.ENOENT, assertInstanceOf(SyscallException.class, failure.getCause()).errno());
  }

  @Test
  void aForbiddenDeviceIsNamedWithTheRemedy() {
    // Root may open everything, so the error is made here.
    IOException failure = KvmSystem.openFailure(Path.of("/dev/kvm"), Errno.EACCES);

    assertInstanceOf(KvmUnavailableException.class, failure);
    assertTrue(
        failure.getMessage().startsWith("/dev/kvm is not permitted for this user"),
        failure.getMessage());
  }

  @Test
  void anotherDeviceIsNotTakenForKvm() {
    IOException failure =
        assertThrows(KvmUnavailableException.class, () -> KvmSystem.open(Path.of("/dev/null")));

    assertEquals("/dev/null is not a KVM device", failure.getMessage());
  }

  @Test
  void anyOtherFailureKeepsItsErrno() {
    SyscallException failure =
        assertThrows(SyscallException.class, () -> KvmSystem.open(directory));

    assertTrue(failure.getMessage().startsWith("open(" + directory), failure.getMessage());
  }
}
