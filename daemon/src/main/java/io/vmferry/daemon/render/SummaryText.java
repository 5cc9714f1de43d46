package io.vmferry.daemon.render;

import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Sizes;
import java.util.ArrayList;
import java.util.List;

/** The figures of a finished migration for people. */
public final class SummaryText {
  private SummaryText() {}

  /** One figure a line. */
  public static List<String> lines(SummaryView summary) {
    List<String> lines = new ArrayList<>();
    add(lines, "mode", summary.mode());
    add(lines, "hypervisor", summary.hypervisor());
    add(lines, "memory", Sizes.format(summary.memoryBytes()));
    add(lines, "total time", Durations.formatMillis(summary.totalMs()));
    add(lines, "downtime", Durations.formatMillis(summary.downtimeMs()));
    if (summary.mode().equals("precopy")) {
      add(lines, "rounds", Integer.toString(summary.rounds()));
    }
    if (summary.throttlePercent() != null) {
      add(lines, "guest slowed by", summary.throttlePercent() + " %");
    }
    add(lines, "sent", Sizes.format(summary.bytesSent()));
    if (summary.resumeMs() != null) {
      add(lines, "running after", Durations.formatMillis(summary.resumeMs()) + " from the pause");
    }
    if (summary.fullMs() != null) {
      add(lines, "all pages after", Durations.formatMillis(summary.fullMs()) + " from the pause");
    }
    if (summary.faultsServed() != null) {
      add(lines, "page faults", faults(summary));
    }
    if (summary.pagesVerified() != null) {
      add(lines, "guest verified", summary.pagesVerified() + " pages");
    }
    if (summary.mismatches() != null) {
      add(lines, "mismatches", summary.mismatches().toString());
    }
    if (summary.digestsMatch() == null && summary.memoryDigest() != null) {
      add(lines, "memory digest", summary.memoryDigest() + ", compare it with the other side's");
    }
    if (summary.digestsMatch() != null) {
      add(lines, "memory digests", summary.digestsMatch() ? "agree" : "DIFFER");
    }
    add(
        lines,
        "guest",
        summary.guestRunningOnDestination()
            ? "running on the destination"
            : "not running on the destination");
    return lines;
  }

  private static String faults(SummaryView summary) {
    Long median = summary.faultP50Us();
    Long tail = summary.faultP99Us();
    return median == null || tail == null
        ? summary.faultsServed() + ""
        : summary.faultsServed() + ", half within " + median + " us, 99 % within " + tail + " us";
  }

  private static void add(List<String> lines, String name, String value) {
    lines.add(String.format("  %-16s %s", name, value));
  }
}
