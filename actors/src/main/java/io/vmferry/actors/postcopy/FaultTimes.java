package io.vmferry.actors.postcopy;

import org.HdrHistogram.Histogram;

/**
 * How long faults took, from reading the event to the mapped page, in microseconds.
 *
 * @param count how many
 * @param p50 the median
 * @param p99 99th percentile
 * @param p999 99.9th percentile
 * @param max the longest
 */
public record FaultTimes(long count, long p50, long p99, long p999, long max) {
  static FaultTimes of(Histogram micros) {
    return new FaultTimes(
        micros.getTotalCount(),
        micros.getValueAtPercentile(50),
        micros.getValueAtPercentile(99),
        micros.getValueAtPercentile(99.9),
        micros.getMaxValue());
  }

  @Override
  public String toString() {
    return String.format(
        "%d faults, p50 %d us, p99 %d us, p99.9 %d us, max %d us", count, p50, p99, p999, max);
  }
}
