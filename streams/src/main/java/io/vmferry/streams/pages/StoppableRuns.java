package io.vmferry.streams.pages;

import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * Runs that can end early, so that a round under way stops and what it did not take is known.
 *
 * <p>{@link #stop} may be called by any thread; {@link #rest} only once nobody asks for runs any
 * more.
 */
public final class StoppableRuns implements Iterator<PageRun> {
  // What is taken is sent: 4 MiB take 40 ms at 100 MiB/s, and cost a range.
  private static final long MAX_RUN_BYTES = 4L << 20;

  private final Iterator<PageRun> runs;
  private @Nullable PageRun current;
  private volatile boolean stopped;

  /** Hands out the runs, long ones in pieces. */
  public StoppableRuns(Iterator<PageRun> runs) {
    this.runs = runs;
  }

  /** No further run is handed out. */
  public void stop() {
    stopped = true;
  }

  @Override
  public boolean hasNext() {
    return !stopped && more();
  }

  /** Not affected by a stop since {@link #hasNext}: what that promised is handed out. */
  @Override
  public PageRun next() {
    if (!more()) {
      throw new NoSuchElementException();
    }
    PageRun run = current == null ? runs.next() : current;
    PageRun head = run.head(MAX_RUN_BYTES);
    current = head.lengthBytes() == run.lengthBytes() ? null : run.tail(head.lengthBytes());
    return head;
  }

  private boolean more() {
    return current != null || runs.hasNext();
  }

  /** The runs that were not handed out. */
  public Iterator<PageRun> rest() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return more();
      }

      @Override
      public PageRun next() {
        return StoppableRuns.this.next();
      }
    };
  }
}
