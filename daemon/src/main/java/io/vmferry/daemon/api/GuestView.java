package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * What the standard guest says about itself on its serial port.
 *
 * @param running whether it still makes progress
 * @param iterations pages written so far
 * @param pagesVerified pages it checked before it rewrote them
 * @param mismatches pages that were not what it had written: 0 unless memory was damaged
 * @param sweeps whole passes over the working set that every vCPU has finished
 * @param firstMismatch the guest's own line about the first damaged page
 */
@JsonNaming(SnakeCaseStrategy.class)
public record GuestView(
    boolean running,
    long iterations,
    long pagesVerified,
    long mismatches,
    long sweeps,
    @Nullable String firstMismatch) {}
