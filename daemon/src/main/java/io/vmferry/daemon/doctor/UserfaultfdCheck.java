package io.vmferry.daemon.doctor;

import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.uffd.Uffd;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** Whether a destination can run a guest whose memory is still on its way. */
final class UserfaultfdCheck {
  private static final String DEVICE = "/dev/userfaultfd";

  private UserfaultfdCheck() {}

  static List<Finding> run() {
    Set<Uffd.Feature> features;
    try {
      features = Uffd.supported();
    } catch (SyscallException e) {
      return List.of(Finding.fail("userfaultfd", String.valueOf(e.getMessage()), fix()));
    }
    boolean device = Files.isReadable(Path.of(DEVICE)) && Files.isWritable(Path.of(DEVICE));
    return List.of(
        Finding.ok("userfaultfd", device ? DEVICE : "by its system call"), features(features));
  }

  static Finding features(Set<Uffd.Feature> features) {
    Set<Uffd.Feature> missing = EnumSet.copyOf(Uffd.MIGRATION);
    missing.removeAll(features);
    if (missing.isEmpty()) {
      return Finding.ok("userfaultfd features", names(features));
    }
    return Finding.fail(
        "userfaultfd features",
        "missing: " + names(missing),
        "Run Linux 5.14 or newer for postcopy and on-demand restore");
  }

  private static String fix() {
    return Files.exists(Path.of(DEVICE))
        ? "Let this user read and write " + DEVICE + ", or run as root (CAP_SYS_PTRACE)"
        : "Run as root (CAP_SYS_PTRACE) on a kernel built with CONFIG_USERFAULTFD";
  }

  private static String names(Set<Uffd.Feature> features) {
    return features.stream()
        .sorted()
        .map(f -> f.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(" "));
  }
}
