package io.vmferry.daemon.render;

import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Rates;
import io.vmferry.daemon.units.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** One progress event as text. */
public final class ProgressText {
  private static final int BAR_CELLS = 20;
  // Nothing is left to send yet, but nothing is done either.
  private static final Set<String> BEFORE = Set.of("queued", "connecting", "preparing");

  private ProgressText() {}

  /** Phase, bar and figures, cut to {@code columns}. */
  static String bar(ProgressView progress, int columns) {
    return bar(phase(progress), percent(progress), figures(progress), columns);
  }

  /** The full bar of a migration that is complete. */
  static String done(SummaryView summary, int columns) {
    return bar("done", 100, figures(summary), columns);
  }

  /** The same on a line of its own. */
  static String doneLine(SummaryView summary) {
    return "done: " + String.join(", ", figures(summary));
  }

  /** A bar with what is going on before it and figures behind it, cut to {@code columns}. */
  public static String bar(String phase, int percent, List<String> figures, int columns) {
    int filled = BAR_CELLS * percent / 100;
    String bar = "#".repeat(filled) + ".".repeat(BAR_CELLS - filled);
    String text =
        String.format("%-12s [%s] %3d %%", phase, bar, percent) + "  " + String.join("  ", figures);
    return text.length() <= columns ? text : text.substring(0, Math.max(0, columns));
  }

  private static List<String> figures(SummaryView summary) {
    return List.of(
        Sizes.format(summary.bytesSent()) + " sent",
        "downtime " + Durations.formatMillis(summary.downtimeMs()),
        "total " + Durations.formatMillis(summary.totalMs()));
  }

  /** Phase and figures on a line of its own. */
  static String line(ProgressView progress) {
    return phase(progress)
        + ": "
        + percent(progress)
        + " %, "
        + String.join(", ", figures(progress));
  }

  private static String phase(ProgressView progress) {
    return progress.phase().equals("precopy") && progress.round() > 0
        ? "round " + progress.round()
        : progress.phase();
  }

  /** What is done of what there is: of this round in precopy, of all memory in postcopy. */
  private static int percent(ProgressView progress) {
    if (progress.bytesTotal() <= 0 || BEFORE.contains(progress.phase())) {
      return 0;
    }
    double left = Math.min(1.0, (double) progress.bytesLeft() / progress.bytesTotal());
    return (int) Math.floor(100 * (1 - Math.max(0.0, left)));
  }

  private static List<String> figures(ProgressView progress) {
    List<String> figures = new ArrayList<>();
    figures.add(Sizes.format(progress.bytesSent()) + " sent");
    if (progress.bandwidthBytesPerSecond() > 0) {
      figures.add(Rates.format(progress.bandwidthBytesPerSecond()));
    }
    if (progress.dirtyBytesPerSecond() > 0) {
      figures.add("dirty " + Rates.format(progress.dirtyBytesPerSecond()));
    }
    if (progress.throttlePercent() > 0) {
      figures.add("guest slowed by " + progress.throttlePercent() + " %");
    }
    if (progress.expectedDowntimeMs() != null) {
      figures.add("downtime ~" + Durations.formatMillis(progress.expectedDowntimeMs()));
    }
    if (progress.phase().equals("postcopy")) {
      figures.add(Sizes.format(progress.bytesLeft()) + " left");
      figures.add(progress.faultsServed() + " faults");
    }
    if (progress.etaMs() != null && progress.etaMs() > 0) {
      figures.add("ETA " + Durations.formatMillis(progress.etaMs()));
    }
    return figures;
  }
}
