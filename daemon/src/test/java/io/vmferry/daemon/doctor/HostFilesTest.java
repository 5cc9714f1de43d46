package io.vmferry.daemon.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.uffd.Uffd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostFilesTest {
  @TempDir private Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private static Finding find(List<Finding> findings, String check) {
    return findings.stream().filter(f -> f.check().equals(check)).findFirst().orElseThrow();
  }

  @Test
  void aGoodHostNeedsNothing() throws IOException {
    write("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    4194304 kB\n");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "500\n");
    write("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "2\n");
    write("sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
    write(
        "proc/self/limits",
        """
        Limit                     Soft Limit           Hard Limit           Units
        Max open files            65536                65536                files
        Max locked memory         unlimited            unlimited            bytes
        """);

    List<Finding> findings = new HostFiles(root).run();

    assertEquals(
        List.of(
            "memory: 4096 MiB available",
            "hugepages 2M: 500 of 512 free",
            "hugepages 1G: 1 of 2 free",
            "open files: 65536",
            "locked memory: unlimited"),
        findings.stream().map(f -> f.check() + ": " + f.found()).toList());
    assertTrue(findings.stream().allMatch(f -> f.status() == Finding.Status.OK));
  }

  @Test
  void aPoorHostGetsAFixForEachFinding() throws IOException {
    write("proc/meminfo", "MemAvailable: 1024 kB\n");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
    write("proc/self/limits", "Max open files  1024  1024  files\nMax locked memory 65536 1 bytes");

    List<Finding> findings = new HostFiles(root).run();

    assertTrue(findings.stream().allMatch(f -> f.fix() != null), findings.toString());
    assertEquals(Finding.Status.WARN, find(findings, "memory").status());
    assertEquals(Finding.Status.NOTE, find(findings, "hugepages 2M").status());
    assertTrue(find(findings, "hugepages 2M").fix().contains("hugepages-2048kB/nr_hugepages"));
    assertEquals("not supported by this kernel or CPU", find(findings, "hugepages 1G").found());
    assertEquals(
        "Raise it before starting a node: ulimit -n 65536", find(findings, "open files").fix());
  }

  @Test
  void aKernelThatDoesNotTellMemoryFails() {
    assertEquals(Finding.Status.FAIL, find(new HostFiles(root).run(), "memory").status());
  }

  @Test
  void aMissingUserfaultfdFeatureFailsByName() {
    Finding finding =
        UserfaultfdCheck.features(EnumSet.complementOf(EnumSet.of(Uffd.Feature.MINOR_SHMEM)));

    assertEquals(Finding.Status.FAIL, finding.status());
    assertEquals("missing: minor_shmem", finding.found());
  }

  @Test
  void aFailedCheckMakesTheHostNotReady() {
    Report report =
        Report.of(
            List.of(Doctor.java(11, "/jdk"), Doctor.cores(2), Doctor.platform("Linux", "amd64")));

    assertEquals(false, report.ready());
    assertEquals(
        """
        CHECK     STATUS  FOUND
        java      fail    Java 11 in /jdk
        cores     ok      2
        platform  ok      Linux on amd64

        What to do:
          java: Set JAVA_HOME to a JDK 17 or newer

        Guests cannot run or migrate on this host yet: see the checks that fail.""",
        String.join("\n", Doctor.lines(report)));
  }

  @Test
  void slowGuestMemoryIsNoFailure() {
    Finding none = Doctor.transparentHugepages(false);

    assertEquals(Finding.Status.WARN, none.status());
    assertTrue(none.fix().contains("shmem_enabled"), none.toString());
    assertEquals(Finding.Status.OK, Doctor.transparentHugepages(true).status());
  }
}
