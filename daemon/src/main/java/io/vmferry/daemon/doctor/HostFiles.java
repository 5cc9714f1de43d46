package io.vmferry.daemon.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Scanner;

/**
 * Checks that read the kernel's text files: memory, hugepages, limits. The tests give another root
 * directory.
 *
 * <p>Source: Documentation/filesystems/proc.rst; Documentation/admin-guide/mm/hugetlbpage.rst.
 */
final class HostFiles {
  private static final long MIN_MEMORY = 1L << 30;
  // A migration with 128 connections, and what a JVM and its guests hold open beside it.
  private static final long GOOD_NOFILE = 4_096;
  private static final long GOOD_MEMLOCK = 1L << 20;

  private final Path root;

  HostFiles(Path root) {
    this.root = root;
  }

  List<Finding> run() {
    List<Finding> findings = new ArrayList<>();
    findings.add(memory());
    findings.add(hugepages("hugepages 2M", "hugepages-2048kB", "--page-size 2M"));
    findings.add(hugepages("hugepages 1G", "hugepages-1048576kB", "--page-size 1G"));
    findings.add(openFiles());
    findings.add(lockedMemory());
    return findings;
  }

  private Finding memory() {
    OptionalLong available = meminfo("MemAvailable:");
    if (available.isEmpty()) {
      return Finding.fail(
          "memory", "/proc/meminfo has no MemAvailable", "Run on Linux 5.7 or newer");
    }
    String found = mebibytes(available.getAsLong()) + " available";
    return available.getAsLong() >= MIN_MEMORY
        ? Finding.ok("memory", found)
        : Finding.warn(
            "memory", found, "Free some: a guest's memory is allocated on this host in full");
  }

  private Finding hugepages(String check, String pool, String option) {
    Path directory = root.resolve("sys/kernel/mm/hugepages").resolve(pool);
    String path = "/sys/kernel/mm/hugepages/" + pool + "/nr_hugepages";
    OptionalLong total = number(directory.resolve("nr_hugepages"));
    OptionalLong free = number(directory.resolve("free_hugepages"));
    if (total.isEmpty() || free.isEmpty()) {
      return Finding.note(
          check, "not supported by this kernel or CPU", "Only for " + option + ": nothing to do");
    }
    String found = free.getAsLong() + " of " + total.getAsLong() + " free";
    return free.getAsLong() > 0
        ? Finding.ok(check, found)
        : Finding.note(check, found, "Only for " + option + ": as root, echo <pages> > " + path);
  }

  private Finding openFiles() {
    OptionalLong soft = softLimit("Max open files");
    if (soft.isEmpty()) {
      return Finding.warn("open files", "unknown", "Check 'ulimit -n': 4096 or more is good");
    }
    String found = limit(soft.getAsLong());
    return soft.getAsLong() >= GOOD_NOFILE
        ? Finding.ok("open files", found)
        : Finding.warn("open files", found, "Raise it before starting a node: ulimit -n 65536");
  }

  private Finding lockedMemory() {
    OptionalLong soft = softLimit("Max locked memory");
    if (soft.isEmpty()) {
      return Finding.note("locked memory", "unknown", "Check 'ulimit -l'");
    }
    String found = soft.getAsLong() == Long.MAX_VALUE ? "unlimited" : mebibytes(soft.getAsLong());
    return soft.getAsLong() >= GOOD_MEMLOCK
        ? Finding.ok("locked memory", found)
        : Finding.note(
            "locked memory", found, "Guests do not need it; if a driver does: ulimit -l unlimited");
  }

  private OptionalLong meminfo(String field) {
    for (String line : lines(root.resolve("proc/meminfo"))) {
      if (line.startsWith(field)) {
        OptionalLong kib = parse(line.substring(field.length()).replace("kB", ""));
        return kib.isEmpty() ? kib : OptionalLong.of(kib.getAsLong() << 10);
      }
    }
    return OptionalLong.empty();
  }

  /** The limit of this process, which a node started from the same shell shares. */
  private OptionalLong softLimit(String name) {
    for (String line : lines(root.resolve("proc/self/limits"))) {
      if (line.startsWith(name)) {
        try (Scanner columns = new Scanner(line.substring(name.length()))) {
          String soft = columns.hasNext() ? columns.next() : "";
          return soft.equals("unlimited") ? OptionalLong.of(Long.MAX_VALUE) : parse(soft);
        }
      }
    }
    return OptionalLong.empty();
  }

  private static OptionalLong number(Path file) {
    List<String> lines = lines(file);
    return lines.isEmpty() ? OptionalLong.empty() : parse(lines.get(0));
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      // Absent on this kernel; the caller says so.
      return List.of();
    }
  }

  private static OptionalLong parse(String text) {
    try {
      return OptionalLong.of(Long.parseLong(text.strip()));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private static String limit(long value) {
    return value == Long.MAX_VALUE ? "unlimited" : Long.toString(value);
  }

  private static String mebibytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }
}
