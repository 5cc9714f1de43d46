package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.PageRun;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.FlowShape;
import org.apache.pekko.stream.Inlet;
import org.apache.pekko.stream.Outlet;
import org.apache.pekko.stream.stage.AbstractInHandler;
import org.apache.pekko.stream.stage.AbstractOutHandler;
import org.apache.pekko.stream.stage.GraphStage;
import org.apache.pekko.stream.stage.GraphStageLogic;
import org.jspecify.annotations.Nullable;

/**
 * Packs runs into chunks: long runs are cut, short ones gathered, in order. Holds at most one chunk
 * and the rest of one run.
 */
final class ChunkStage extends GraphStage<FlowShape<PageRun, Chunk>> {
  private final Inlet<PageRun> in = Inlet.create("ChunkStage.in");
  private final Outlet<Chunk> out = Outlet.create("ChunkStage.out");
  private final FlowShape<PageRun, Chunk> shape = FlowShape.of(in, out);
  private final LongSupplier maxBytes;
  private final int maxRuns;
  private final Runnable onStop;

  /**
   * @param maxBytes asked when a chunk is begun: the limit may follow the throttle
   * @param maxRuns runs in one chunk
   * @param onStop called once, when nothing asks the source for runs any more
   */
  ChunkStage(LongSupplier maxBytes, int maxRuns, Runnable onStop) {
    this.maxBytes = maxBytes;
    this.maxRuns = maxRuns;
    this.onStop = onStop;
  }

  @Override
  public FlowShape<PageRun, Chunk> shape() {
    return shape;
  }

  @Override
  public GraphStageLogic createLogic(Attributes attributes) {
    return new Logic();
  }

  private final class Logic extends GraphStageLogic {
    private final List<PageRun> runs = new ArrayList<>();
    private long bytes;
    private long limit;
    private @Nullable PageRun rest;

    Logic() {
      super(shape);
      setHandler(
          in,
          new AbstractInHandler() {
            @Override
            public void onPush() {
              rest = grab(in);
              advance();
            }

            @Override
            public void onUpstreamFinish() {
              if (isAvailable(out)) {
                advance();
              } else if (rest == null && runs.isEmpty()) {
                completeStage();
              }
            }
          });
      setHandler(
          out,
          new AbstractOutHandler() {
            @Override
            public void onPull() {
              advance();
            }
          });
    }

    /** Goes on until a chunk is pushed, a run is asked for, or all is done. */
    private void advance() {
      boolean full = take();
      if (full || (isClosed(in) && !runs.isEmpty())) {
        push(out, new Chunk(runs, bytes));
        runs.clear();
        bytes = 0;
      }
      if (isClosed(in)) {
        if (rest == null && runs.isEmpty()) {
          completeStage();
        }
      } else if (!full && !hasBeenPulled(in)) {
        pull(in);
      }
    }

    /** Moves as much of the rest into the chunk as fits and says whether the chunk is full. */
    private boolean take() {
      if (runs.isEmpty()) {
        limit = Math.max(1, maxBytes.getAsLong());
      }
      PageRun run = rest;
      if (run != null) {
        PageRun head = run.head(limit - bytes);
        runs.add(head);
        bytes += head.lengthBytes();
        rest = head.lengthBytes() == run.lengthBytes() ? null : run.tail(head.lengthBytes());
      }
      return bytes >= limit || runs.size() >= maxRuns;
    }

    @Override
    public void postStop() {
      onStop.run();
    }
  }
}
