package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.WireLimits;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.FlowShape;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.SharedKillSwitch;
import org.apache.pekko.stream.UniformFanInShape;
import org.apache.pekko.stream.UniformFanOutShape;
import org.apache.pekko.stream.javadsl.Balance;
import org.apache.pekko.stream.javadsl.Flow;
import org.apache.pekko.stream.javadsl.GraphDSL;
import org.apache.pekko.stream.javadsl.Merge;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;

/**
 * The source's side of precopy: sends rounds of guest memory over any number of connections.
 *
 * <pre>
 *                        +-- connection stage --+
 * runs -- kill -- chunks +-- connection stage --+ fold -- result
 *                        +-- connection stage --+
 * </pre>
 *
 * <p>Every connection stage has its own thread and sends one chunk at a time: table, pages straight
 * from the guest's mapping, then it awaits the answer. A connection gets its next chunk when it is
 * free, so a slow one does not hold up the others, and runs are only asked for as chunks leave.
 */
public final class PrecopySender {
  /** The configured dispatcher on which stages may block. */
  public static final String BLOCKING_DISPATCHER = "vmferry.blocking-io-dispatcher";

  // With several connections a small chunk spreads a small round over all of them; the answer per
  // chunk costs 1 % at 10 Gbit/s and a round trip of 0.1 ms.
  private static final long SHARED_CHUNK_BYTES = 16L << 20;
  // A range on the wire is whole pages, also where a chunk ends.
  private static final long PAGE_BYTES = 4096;
  private static final long MIN_CHUNK_BYTES = 1L << 20;
  // A throttled chunk lasts at most this part of a second, so that a kill is noticed soon.
  private static final int THROTTLED_CHUNKS_PER_SECOND = 4;

  private final Materializer materializer;

  /**
   * A sender.
   *
   * @param materializer runs the graphs; its system's configuration has the dispatcher
   */
  public PrecopySender(Materializer materializer) {
    this.materializer = materializer;
  }

  /**
   * Sends a round of runs from an iterator, which is asked for more as chunks leave.
   *
   * @see #sendRound(Source, GuestMemory, List, Throttle, SharedKillSwitch, LongConsumer)
   */
  public CompletionStage<RoundResult> sendRound(
      Iterator<PageRun> runs,
      GuestMemory memory,
      List<Connection> connections,
      Throttle throttle,
      SharedKillSwitch killSwitch,
      LongConsumer progress) {
    return sendRound(
        Source.fromIterator(() -> runs), memory, connections, throttle, killSwitch, progress);
  }

  /**
   * Sends one round. The result is the barrier between rounds: when it completes, well or not,
   * every connection is quiet and no stage touches the guest's memory any more.
   *
   * <p>Aborting the kill switch ends the round with the abort's cause after the chunks under way
   * are acknowledged (they are no longer throttled), so that the connections stand between two
   * frames and can carry Abandon. Whoever cannot wait for a stalled peer closes the connections.
   * When one connection fails, this method closes all of the round.
   *
   * @param runs pages to send; each run inside one region of the memory
   * @param memory the guest's memory, which must stay mapped until the result is there; no page of
   *     it may be missing
   * @param connections between one and 128, each between two frames
   * @param throttle shared by all connections
   * @param killSwitch cancels the round
   * @param progress told the bytes of each write, from the connections' threads
   * @return the sums of what was acknowledged. Fails with the abort's cause; with {@link
   *     CancellationException} if the switch was shut down; with {@link
   *     io.vmferry.streams.wire.ProtocolException} if the destination refuses a chunk or breaks the
   *     protocol; with another {@link java.io.IOException} if a connection fails
   */
  public CompletionStage<RoundResult> sendRound(
      Source<PageRun, ?> runs,
      GuestMemory memory,
      List<Connection> connections,
      Throttle throttle,
      SharedKillSwitch killSwitch,
      LongConsumer progress) {
    if (connections.isEmpty() || connections.size() > WireLimits.CONNECTIONS) {
      throw new IllegalArgumentException(connections.size() + " connections, not 1 to 128");
    }
    long startNanos = System.nanoTime();
    List<Connection> lanes = List.copyOf(connections);
    Quiescence quiescence = new Quiescence(lanes.size() + 1);
    AtomicBoolean stopped = new AtomicBoolean();
    // Closing the other connections makes them fail, too; the caller wants to know what came first.
    AtomicReference<Exception> firstFailure = new AtomicReference<>();
    AtomicBoolean exhausted = new AtomicBoolean();
    List<SendStage> stages =
        lanes.stream()
            .map(
                lane ->
                    new SendStage(
                        new MemorySender(lane, memory, throttle, stopped::get, progress),
                        failure -> {
                          firstFailure.compareAndSet(null, failure);
                          lanes.forEach(Connection::close);
                        },
                        quiescence::stopped))
            .toList();
    CompletionStage<RoundResult> folded =
        runs.concatLazy(
                Source.lazySource(
                    () -> {
                      exhausted.set(true);
                      return Source.<PageRun>empty();
                    }))
            .via(killSwitch.flow())
            .via(
                new ChunkStage(
                    chunkLimit(lanes.size(), throttle),
                    WireLimits.CHUNK_RANGES,
                    quiescence::stopped))
            .async(BLOCKING_DISPATCHER, 1)
            .watchTermination(
                (unused, done) -> {
                  done.whenComplete((ok, failure) -> stopped.set(failure != null));
                  return NotUsed.getInstance();
                })
            .via(balanced(stages))
            .runWith(Sink.fold(RoundResult.NOTHING, RoundResult::plus), materializer);
    return quiescence
        .after(folded)
        .handle(
            (result, failure) -> {
              Throwable cause = firstFailure.get() != null ? firstFailure.get() : failure;
              if (cause != null) {
                throw cause instanceof CompletionException known
                    ? known
                    : new CompletionException(cause);
              }
              if (!exhausted.get()) {
                throw new CancellationException("the round was stopped before its end");
              }
              return result.in(System.nanoTime() - startNanos);
            });
  }

  private static LongSupplier chunkLimit(int lanes, Throttle throttle) {
    long unthrottled = lanes == 1 ? WireLimits.CHUNK_BYTES : SHARED_CHUNK_BYTES;
    return () -> {
      long rate = throttle.bytesPerSecond();
      return rate == Throttle.UNLIMITED
          ? unthrottled
          : Math.max(MIN_CHUNK_BYTES, Math.min(unthrottled, rate / THROTTLED_CHUNKS_PER_SECOND))
              & -PAGE_BYTES;
    };
  }

  private static Flow<Chunk, Chunk, NotUsed> balanced(List<SendStage> stages) {
    return Flow.fromGraph(
        GraphDSL.create(
            builder -> {
              UniformFanOutShape<Chunk, Chunk> balance = builder.add(Balance.create(stages.size()));
              UniformFanInShape<Chunk, Chunk> merge = builder.add(Merge.create(stages.size()));
              for (int i = 0; i < stages.size(); i++) {
                FlowShape<Chunk, Chunk> lane =
                    builder.add(Flow.fromGraph(stages.get(i)).async(BLOCKING_DISPATCHER, 1));
                builder.from(balance.out(i)).via(lane).toInlet(merge.in(i));
              }
              return FlowShape.of(balance.in(), merge.out());
            }));
  }

  /** Counts stages down to zero and delays a result until then. */
  private static final class Quiescence {
    private final AtomicInteger running;
    private final CompletableFuture<Void> quiet = new CompletableFuture<>();

    Quiescence(int stages) {
      running = new AtomicInteger(stages);
    }

    void stopped() {
      if (running.decrementAndGet() == 0) {
        quiet.complete(null);
      }
    }

    <T> CompletionStage<T> after(CompletionStage<T> result) {
      return quiet.thenCompose(unused -> result);
    }
  }
}
