package io.vmferry.streams.transfer;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.compression.CompressionChoice;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.wire.WireLimits;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.apache.pekko.Done;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.FlowShape;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.SharedKillSwitch;
import org.apache.pekko.stream.UniformFanInShape;
import org.apache.pekko.stream.UniformFanOutShape;
import org.apache.pekko.stream.javadsl.Balance;
import org.apache.pekko.stream.javadsl.Flow;
import org.apache.pekko.stream.javadsl.GraphDSL;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Merge;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
import org.jspecify.annotations.Nullable;

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
 * from the guest's mapping; the answer is awaited behind the next one. A connection gets its next
 * chunk when it is free, so a slow one does not hold up the others, and runs are only asked for as
 * chunks leave.
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
   * Sends one round. The result is the barrier between rounds: when it completes, well or not,
   * every connection is quiet and no stage touches the guest's memory any more.
   *
   * <p>Aborting the kill switch ends the round with the abort's cause after the chunks under way
   * are acknowledged (they are no longer throttled), so that the connections stand between two
   * frames and can carry Abandon. Whoever cannot wait for a stalled peer closes the connections.
   * When one connection fails, this method closes all of the round.
   *
   * @param what the pages to send
   * @param memory the guest's memory, which must stay mapped until the result is there; no page of
   *     it may be missing
   * @param connections between one and 128, each between two frames
   * @param throttle shared by all connections
   * @param killSwitch cancels the round
   * @param progress told of each write, from the connections' threads
   * @return the sums of what was acknowledged. Fails with the abort's cause; with {@link
   *     CancellationException} if the switch was shut down; with {@link
   *     io.vmferry.streams.wire.PeerRefusedException} if the destination refuses a chunk; with
   *     {@link io.vmferry.streams.wire.ProtocolException} if it breaks the protocol; with another
   *     {@link java.io.IOException} if a connection fails
   */
  public CompletionStage<RoundResult> sendRound(
      PrecopyRound what,
      GuestMemory memory,
      List<Connection> connections,
      Throttle throttle,
      SharedKillSwitch killSwitch,
      SendProgress progress) {
    if (connections.isEmpty() || connections.size() > WireLimits.CONNECTIONS) {
      throw new IllegalArgumentException(connections.size() + " connections, not 1 to 128");
    }
    Round round = new Round(List.copyOf(connections));
    long maxChunkBytes = connections.size() == 1 ? WireLimits.CHUNK_BYTES : SHARED_CHUNK_BYTES;
    List<SendStage> stages =
        round.lanes.stream()
            .map(
                lane ->
                    new MemorySender(
                        lane, memory, throttle, what, maxChunkBytes, round.stopped::get, progress))
            .map(sender -> new SendStage(sender, round::laneFailed, round::stageStopped))
            .toList();
    ChunkStage chunks =
        new ChunkStage(
            chunkLimit(maxChunkBytes, throttle, what.encoding().compression()),
            WireLimits.CHUNK_RANGES,
            round::stageStopped);
    // The upper switch ends the asking for runs; the lower one ends the lanes, which the upper one
    // cannot reach once the last chunk has left the source.
    CompletionStage<RoundResult> folded =
        Source.fromIterator(what::runs)
            .concatLazy(atEnd(round.exhausted))
            .via(killSwitch.flow())
            .via(chunks)
            .async(BLOCKING_DISPATCHER, 1)
            .via(balanced(stages))
            .concatLazy(atEnd(round.drained))
            .via(killSwitch.flow())
            .watchTermination(round::whenTerminated)
            .toMat(Sink.fold(RoundResult.NOTHING, RoundResult::plus), Keep.right())
            // The default of 16 chunks ahead of each asynchronous boundary would let a kill come
            // too late, and read ahead a gigabyte of runs.
            .withAttributes(Attributes.inputBuffer(1, 1))
            .run(materializer);
    return round.result(folded);
  }

  /** An empty source that raises a flag when the one before it has completed. */
  private static <T> Source<T, ?> atEnd(AtomicBoolean reached) {
    return Source.lazySource(
        () -> {
          reached.set(true);
          return Source.<T>empty();
        });
  }

  private static LongSupplier chunkLimit(long most, Throttle throttle, CompressionChoice link) {
    return () -> {
      long rate = throttle.bytesPerSecond();
      long bytes = link.chunkBytes(most);
      if (rate != Throttle.UNLIMITED) {
        bytes = Math.max(MIN_CHUNK_BYTES, Math.min(bytes, rate / THROTTLED_CHUNKS_PER_SECOND));
      }
      return bytes & -PAGE_BYTES;
    };
  }

  private static Flow<Chunk, RoundResult, NotUsed> balanced(List<SendStage> stages) {
    return Flow.fromGraph(
        GraphDSL.create(
            builder -> {
              UniformFanOutShape<Chunk, Chunk> balance = builder.add(Balance.create(stages.size()));
              UniformFanInShape<RoundResult, RoundResult> merge =
                  builder.add(Merge.create(stages.size()));
              for (int i = 0; i < stages.size(); i++) {
                FlowShape<Chunk, RoundResult> lane =
                    builder.add(Flow.fromGraph(stages.get(i)).async(BLOCKING_DISPATCHER, 1));
                builder.from(balance.out(i)).via(lane).toInlet(merge.in(i));
              }
              return FlowShape.of(balance.in(), merge.out());
            }));
  }

  /** One round under way: what its stages report, and the result made of it. */
  private static final class Round {
    final List<Connection> lanes;
    final AtomicBoolean exhausted = new AtomicBoolean();
    final AtomicBoolean drained = new AtomicBoolean();
    final AtomicBoolean stopped = new AtomicBoolean();
    private final long startNanos = System.nanoTime();
    // Closing the other connections makes them fail, too; the caller wants to know what came first.
    private final AtomicReference<@Nullable Throwable> firstFailure = new AtomicReference<>();
    private final AtomicInteger running;
    private final CompletableFuture<Void> quiet = new CompletableFuture<>();

    Round(List<Connection> lanes) {
      this.lanes = lanes;
      this.running = new AtomicInteger(lanes.size() + 1);
    }

    void laneFailed(Throwable failure) {
      firstFailure.compareAndSet(null, failure);
      stopped.set(true);
      lanes.forEach(Connection::close);
    }

    void stageStopped() {
      if (running.decrementAndGet() == 0) {
        quiet.complete(null);
      }
    }

    NotUsed whenTerminated(NotUsed unused, CompletionStage<Done> done) {
      done.whenComplete(
          (ok, failure) -> {
            if (failure != null) {
              firstFailure.compareAndSet(null, failure);
            }
            stopped.set(true);
          });
      return unused;
    }

    CompletionStage<RoundResult> result(CompletionStage<RoundResult> folded) {
      return quiet
          .thenCompose(unused -> folded)
          .handle(
              (sums, failure) -> {
                Throwable first = firstFailure.get();
                if (first != null || failure != null) {
                  throw new CompletionException(first != null ? first : unwrapped(failure));
                }
                if (!exhausted.get() || !drained.get()) {
                  throw new CancellationException("the round was stopped before its end");
                }
                return sums.in(System.nanoTime() - startNanos);
              });
    }

    private static Throwable unwrapped(Throwable failure) {
      return failure instanceof CompletionException && failure.getCause() != null
          ? failure.getCause()
          : failure;
    }
  }
}
