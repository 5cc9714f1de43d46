package io.vmferry.actors.postcopy;

/**
 * How a postcopy destination got its memory.
 *
 * @param pages pages installed, of the guest's page size
 * @param bytes bytes that came for them
 * @param faults page faults of the guest that had to wait for the source
 * @param faultMicrosP50 median time from reading a fault event to the installed page
 * @param faultMicrosP99 its 99th percentile
 * @param fullAtNanos when the last page was there (System.nanoTime)
 * @param digest sum of the pages' digests if it was asked for, else 0; see {@code MemoryDigest}
 */
public record FillReport(
    long pages,
    long bytes,
    long faults,
    long faultMicrosP50,
    long faultMicrosP99,
    long fullAtNanos,
    long digest) {}
