package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * What a VM runs.
 *
 * @param kind {@code standard}, {@code idle} or {@code kernel}
 * @param workingSetBytes standard guest: memory it writes and verifies; absent for its default
 * @param dirtyBytesPerSecond standard guest: how fast it dirties memory; absent or 0 for as fast as
 *     it can
 * @param fill idle guest: {@code random}, {@code zero90} or {@code free90}, what the host writes
 *     into its memory before it boots; absent for nothing
 * @param kernel path on the node of an ELF or bzImage kernel
 * @param initrd path on the node of an initial ram disk
 * @param cmdline the kernel's command line
 */
@JsonNaming(SnakeCaseStrategy.class)
public record GuestConfig(
    String kind,
    @Nullable Long workingSetBytes,
    @Nullable Long dirtyBytesPerSecond,
    @Nullable String fill,
    @Nullable String kernel,
    @Nullable String initrd,
    @Nullable String cmdline) {}
