package io.vmferry.daemon.offload;

import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.daemon.render.ProgressText;
import io.vmferry.daemon.render.Terminal;
import io.vmferry.daemon.units.Sizes;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far a snapshot is: a bar that is drawn over on a terminal, elsewhere a line a second,
 * or JSON lines. Thread-safe.
 */
public final class OffloadProgress implements SnapshotProgress {
  private static final long PLAIN_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long DRAW_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final Terminal terminal;
  private final boolean json;
  private final @Nullable String name;
  private boolean packing;
  private long total;
  private long done;
  private long shownNanos = System.nanoTime();
  private boolean lineOpen;

  /**
   * A progress that was asked for.
   *
   * @param json one object a line instead of text
   */
  public OffloadProgress(Terminal terminal, boolean json) {
    this(terminal, json, null);
  }

  private OffloadProgress(Terminal terminal, boolean json, @Nullable String name) {
    this.terminal = terminal;
    this.json = json;
    this.name = name;
  }

  /** The progress of one snapshot of many at once, with its name on each line. */
  public static OffloadProgress of(String name, Terminal terminal, boolean json) {
    Terminal lines = new Terminal(terminal.out(), false, terminal.columns());
    return new OffloadProgress(lines, json, name);
  }

  @Override
  public synchronized void begins(long memoryBytes) {
    total = memoryBytes;
    done = 0;
  }

  @Override
  public synchronized void packs(long memoryBytes) {
    finish();
    packing = true;
    begins(memoryBytes);
    show();
  }

  @Override
  public synchronized void done(long memoryBytes) {
    done += memoryBytes;
    long now = System.nanoTime();
    long interval = terminal.interactive() && !json ? DRAW_NANOS : PLAIN_NANOS;
    if (now - shownNanos >= interval) {
      shownNanos = now;
      show();
    }
  }

  @Override
  public synchronized void warns(String sentence) {
    if (lineOpen) {
      terminal.endLine();
      lineOpen = false;
    }
    // JSON lines are for programs.
    if (!json) {
      terminal.out().println("Warning: " + sentence);
      terminal.out().flush();
    }
  }

  private void show() {
    if (json) {
      String named = name == null ? "" : "\"name\":\"" + name + "\",";
      String step = packing ? "\"step\":\"working-set\"," : "";
      terminal
          .out()
          .printf("{%s%s\"bytes_done\":%d,\"bytes_total\":%d}%n", named, step, done, total);
    } else if (terminal.interactive()) {
      List<String> figures = List.of(figures());
      terminal.drawOver(ProgressText.bar(what(), percent(), figures, terminal.columns() - 1));
      lineOpen = true;
    } else {
      terminal
          .out()
          .println((name == null ? what() : name) + ": " + percent() + " %, " + figures());
    }
    terminal.out().flush();
  }

  private String what() {
    return packing ? "working set" : "memory";
  }

  private String figures() {
    return Sizes.format(done) + " of " + Sizes.format(total);
  }

  private int percent() {
    return total == 0 ? 0 : (int) Math.min(100, 100 * done / total);
  }

  /** Ends the line. */
  public synchronized void finish() {
    if (json || lineOpen) {
      show();
    }
    if (lineOpen) {
      terminal.endLine();
      lineOpen = false;
    }
  }
}
