package io.vmferry.daemon.render;

import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Rates;
import io.vmferry.daemon.units.Sizes;
import java.util.ArrayList;
import java.util.List;

/** One progress event as text. */
final class ProgressText {
  private static final int BAR_CELLS = 20;

  private ProgressText() {}

  /** Phase, bar and figures, cut to {@code columns}. */
  static String bar(ProgressView progress, int columns) {
    int percent = percent(progress);
    int filled = BAR_CELLS * percent / 100;
    String bar = "#".repeat(filled) + ".".repeat(BAR_CELLS - filled);
    String text =
        String.format("%-12s [%s] %3d %%", phase(progress), bar, percent)
            + "  "
            + String.join("  ", figures(progress));
    return text.length() <= columns ? text : text.substring(0, Math.max(0, columns));
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
    if (progress.bytesTotal() <= 0) {
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
    if (progress.expectedDowntimeMs() != null) {
      figures.add("downtime ~" + Durations.formatMillis(progress.expectedDowntimeMs()));
    }
    if (progress.phase().equals("postcopy")) {
      figures.add(Sizes.format(progress.bytesLeft()) + " left");
      figures.add(progress.faultsServed() + " faults");
    }
    if (progress.etaMs() != null) {
      figures.add("ETA " + Durations.formatMillis(progress.etaMs()));
    }
    return figures;
  }
}
