package io.vmferry.daemon.render;

import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Shows the progress of a migration: one line that is drawn over on a terminal; elsewhere a line at
 * each new phase or round, and otherwise at most one a second. Thread-safe: Ctrl-C silences it from
 * another thread.
 */
public final class ProgressPrinter {
  private static final long PLAIN_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long DRAW_INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final Terminal terminal;
  private final LongSupplier nanoTime;
  private String lastPhase = "";
  private int lastRound = -1;
  private long lastPrinted;
  private boolean lineOpen;
  private boolean finished;

  /** A printer with the system's clock. */
  public ProgressPrinter(Terminal terminal) {
    this(terminal, System::nanoTime);
  }

  ProgressPrinter(Terminal terminal, LongSupplier nanoTime) {
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  /** Shows the newest progress, unless the line before it is too fresh. */
  public synchronized void accept(ProgressView progress) {
    if (finished) {
      return;
    }
    boolean news = !progress.phase().equals(lastPhase) || progress.round() != lastRound;
    long interval = terminal.interactive() ? DRAW_INTERVAL_NANOS : PLAIN_INTERVAL_NANOS;
    long now = nanoTime.getAsLong();
    if (!news && now - lastPrinted < interval) {
      return;
    }
    lastPhase = progress.phase();
    lastRound = progress.round();
    lastPrinted = now;
    if (terminal.interactive()) {
      terminal.drawOver(ProgressText.bar(progress, terminal.columns() - 1));
      lineOpen = true;
    } else {
      terminal.out().println(ProgressText.line(progress));
    }
    terminal.out().flush();
  }

  /**
   * Shows that the migration is complete, unless nothing was shown of it; nothing is shown after
   * it.
   */
  public synchronized void complete(SummaryView summary) {
    if (finished) {
      return;
    }
    if (terminal.interactive()) {
      terminal.drawOver(ProgressText.done(summary, terminal.columns() - 1));
      lineOpen = true;
    } else if (!lastPhase.isEmpty()) {
      terminal.out().println(ProgressText.doneLine(summary));
    }
    finish();
  }

  /** Ends the line; nothing is shown after it. */
  public synchronized void finish() {
    if (lineOpen) {
      terminal.endLine();
    }
    lineOpen = false;
    finished = true;
  }
}
