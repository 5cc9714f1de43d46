package io.vmferry.streams.compression;

import io.vmferry.streams.wire.CompressionAlgorithm;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What the next chunk of a migration is sent as: raw, or with the algorithm under which a chunk
 * takes the least time from the first byte looked at to the answer.
 *
 * <p>What raw chunks take is measured, and so is what compressed ones take. Behind a raw chunk a
 * small sample is compressed now and then, and what a chunk would take is predicted from it. A
 * prediction must promise a tenth less time than what is in force; compressed chunks that then take
 * longer than raw ones end the trial, and the next comes later. While compression is in force a raw
 * chunk now and then shows whether the link has become faster.
 *
 * <p>Shared by the connections of one migration over all its rounds, as the last one has no time to
 * learn. Thread-safe.
 */
public final class CompressionChoice {
  /** Bytes worth compressing to predict what a chunk would take. */
  public static final int SAMPLE_BYTES = 256 * 1024;

  // A shorter chunk measures the round trip.
  private static final long MIN_MEASURED_BYTES = 256 * 1024;
  // A chunk counts for more the longer it is: a throttle lets the start of the first one pass.
  private static final double HALF_WEIGHT_BYTES = 4 << 20;
  private static final double PROMISE = 0.9;
  private static final int RAW_EVERY = 32;
  private static final int SAMPLE_EVERY = 8;
  private static final int SAMPLE_EVERY_AT_MOST = 256;
  // So little at first, in case that the link is very slow; later chunks last about so long.
  private static final long FIRST_CHUNK_BYTES = 4L << 20;
  private static final long MIN_CHUNK_BYTES = 1L << 20;
  private static final long CHUNK_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  private final Compression wanted;
  // Nanoseconds for a byte of guest memory, measured or predicted.
  private final Map<CompressionAlgorithm, Double> costs = new EnumMap<>(CompressionAlgorithm.class);
  private double rawCost = Double.NaN;
  private @Nullable CompressionAlgorithm current;
  private boolean predicted;
  private int chunks;
  private int sampleEvery = SAMPLE_EVERY;
  private boolean sampleDue;

  /** A choice that knows nothing of the link yet. */
  public CompressionChoice(Compression wanted) {
    this.wanted = wanted;
    this.current =
        switch (wanted) {
          case ZSTD -> CompressionAlgorithm.ZSTD;
          case LZ4 -> CompressionAlgorithm.LZ4;
          case AUTO, OFF -> null;
        };
  }

  /** Whether any chunk may ever be compressed. */
  public boolean mayCompress() {
    return wanted != Compression.OFF;
  }

  /** The algorithm for the next chunk, null for none. */
  public synchronized @Nullable CompressionAlgorithm next() {
    boolean probe = wanted == Compression.AUTO && current != null && ++chunks % RAW_EVERY == 0;
    return probe ? null : current;
  }

  /**
   * A chunk was sent and answered.
   *
   * @param algorithm what {@link #next} said
   * @param rawBytes bytes of guest memory in it
   */
  public synchronized void sent(
      @Nullable CompressionAlgorithm algorithm, long rawBytes, long nanos) {
    if (rawBytes < MIN_MEASURED_BYTES) {
      return;
    }
    double cost = (double) nanos / rawBytes;
    if (algorithm == null) {
      rawCost = smoothed(rawCost, cost, rawBytes);
      sampleDue = wanted == Compression.AUTO && (current != null || chunks++ % sampleEvery == 0);
    } else if (algorithm == current) {
      costs.put(algorithm, predicted ? cost : smoothed(cost(algorithm), cost, rawBytes));
      predicted = false;
    }
    if (wanted == Compression.AUTO && current != null && !predicted) {
      judge(current);
    }
  }

  /** Whether to compress a sample of the chunk just sent, with every algorithm; asked once. */
  public synchronized boolean wantsSample() {
    boolean due = sampleDue;
    sampleDue = false;
    return due;
  }

  /** A sample was compressed. */
  public synchronized void sampled(
      CompressionAlgorithm algorithm, long rawBytes, long compressedBytes, long nanos) {
    if (algorithm == current) {
      return;
    }
    double ratio = Math.min(1, (double) compressedBytes / rawBytes);
    double cost = (double) nanos / rawBytes + rawCost * ratio;
    costs.put(algorithm, cost);
    double inForce = current == null ? rawCost : cost(current);
    if (cost < inForce * PROMISE) {
      current = algorithm;
      predicted = true;
      chunks = 0;
    }
  }

  /** Bytes for the next chunk, so that it does not take long. */
  public synchronized long chunkBytes(long most) {
    double cost = current == null ? rawCost : cost(current);
    if (Double.isNaN(cost)) {
      return Math.min(most, FIRST_CHUNK_BYTES);
    }
    return Math.max(MIN_CHUNK_BYTES, (long) Math.min((double) most, CHUNK_NANOS / cost));
  }

  private void judge(CompressionAlgorithm inForce) {
    if (cost(inForce) > rawCost) {
      current = null;
      // The first trial ran against one raw chunk, a short one: the next may judge otherwise.
      chunks = sampleEvery == SAMPLE_EVERY ? 0 : 1;
      sampleEvery = Math.min(SAMPLE_EVERY_AT_MOST, sampleEvery * 2);
    } else {
      sampleEvery = SAMPLE_EVERY;
    }
  }

  private double cost(CompressionAlgorithm algorithm) {
    return costs.getOrDefault(algorithm, Double.NaN);
  }

  private static double smoothed(double before, double newest, long bytes) {
    double weight = bytes / (bytes + HALF_WEIGHT_BYTES);
    return Double.isNaN(before) ? newest : weight * newest + (1 - weight) * before;
  }
}
