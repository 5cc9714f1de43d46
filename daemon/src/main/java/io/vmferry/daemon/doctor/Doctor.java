package io.vmferry.daemon.doctor;

import io.vmferry.daemon.render.Table;
import io.vmferry.kvm.memory.Hugepages;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Examines this host. */
public final class Doctor {
  private static final int JAVA = 17;

  private Doctor() {}

  /** Runs every check; none changes anything on the host. */
  public static Report examine() {
    List<Finding> findings = new ArrayList<>();
    findings.add(platform(System.getProperty("os.name", ""), System.getProperty("os.arch", "")));
    findings.add(java(Runtime.version().feature(), System.getProperty("java.home", "")));
    findings.add(cores(Runtime.getRuntime().availableProcessors()));
    findings.addAll(KvmCheck.run());
    findings.addAll(UserfaultfdCheck.run());
    findings.addAll(new HostFiles(Path.of("/")).run());
    findings.add(transparentHugepages(Hugepages.transparent()));
    return Report.of(findings);
  }

  /** The report for people: a table, then what to do. */
  public static List<String> lines(Report report) {
    Table table = new Table("CHECK", "STATUS", "FOUND");
    List<String> fixes = new ArrayList<>();
    for (Finding finding : report.checks()) {
      String status = finding.status().name().toLowerCase(Locale.ROOT);
      table.row(finding.check(), status, finding.found());
      if (finding.fix() != null) {
        fixes.add("  " + finding.check() + ": " + finding.fix());
      }
    }
    List<String> lines = new ArrayList<>(table.lines());
    if (!fixes.isEmpty()) {
      lines.add("");
      lines.add("What to do:");
      lines.addAll(fixes);
    }
    lines.add("");
    lines.add(
        report.ready()
            ? "Guests can run and migrate on this host."
            : "Guests cannot run or migrate on this host yet: see the checks that fail.");
    return lines;
  }

  static Finding platform(String system, String architecture) {
    String found = system + " on " + architecture;
    return system.equals("Linux") && architecture.equals("amd64")
        ? Finding.ok("platform", found)
        : Finding.fail("platform", found, "vmferry runs on Linux on x86-64");
  }

  static Finding java(int feature, String home) {
    String found = "Java " + feature + " in " + home;
    return feature >= JAVA
        ? Finding.ok("java", found)
        : Finding.fail("java", found, "Set JAVA_HOME to a JDK 17 or newer");
  }

  static Finding transparentHugepages(boolean given) {
    String check = "transparent hugepages";
    return given
        ? Finding.ok(check, "guest memory gets them")
        : Finding.warn(
            check,
            "guest memory gets none: a fresh destination fills several times slower",
            "Run as root (CAP_SYS_ADMIN), or, as root: echo advise >"
                + " /sys/kernel/mm/transparent_hugepage/shmem_enabled");
  }

  static Finding cores(int cores) {
    return cores >= 2
        ? Finding.ok("cores", Integer.toString(cores))
        : Finding.warn(
            "cores", Integer.toString(cores), "Two or more: a guest competes with its migration");
  }
}
