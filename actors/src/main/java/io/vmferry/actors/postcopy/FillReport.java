package io.vmferry.actors.postcopy;

/**
 * How a postcopy destination got its memory.
 *
 * @param pages pages installed, of the guest's page size
 * @param bytes bytes that came for them
 * @param demanded faults of the guest that had to wait for the source
 * @param local faults on pages that were here already and had to be mapped only
 * @param fullAtNanos when the last page was there (System.nanoTime)
 * @param digest sum of the pages' digests if it was asked for, else 0; see {@code MemoryDigest}
 */
public record FillReport(
    long pages, long bytes, FaultTimes demanded, FaultTimes local, long fullAtNanos, long digest) {}
