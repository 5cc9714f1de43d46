package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.migration.SendOptions;
import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import java.time.Duration;

/**
 * How a guest is to be sent: {@link SendOptions} without the address, which the destination picks.
 * Not checked here, so that a request with bad values arrives and is refused with a sentence.
 *
 * @param mode how memory travels
 * @param connections connections that carry memory in precopy, 1 to 128
 * @param downtime the longest pause aimed at in precopy
 * @param timeout how long precopy rounds may take
 * @param timeoutStrategy what happens then
 * @param bandwidthBytesPerSecond limit over all connections; 0 is none
 * @param verify whether to compare digests of the guest's memory taken on both sides
 * @param compression how memory is compressed in precopy
 * @param autoConverge whether precopy may slow the guest down
 */
public record SendParams(
    MemoryMode mode,
    int connections,
    Duration downtime,
    Duration timeout,
    TimeoutStrategy timeoutStrategy,
    long bandwidthBytesPerSecond,
    boolean verify,
    Compression compression,
    boolean autoConverge) {

  /** The defaults of {@link SendOptions#to}, with verification. */
  public static SendParams of(MemoryMode mode) {
    return new SendParams(
        mode,
        1,
        SendOptions.DEFAULT_DOWNTIME,
        SendOptions.DEFAULT_TIMEOUT,
        TimeoutStrategy.CANCEL,
        0,
        true,
        Compression.AUTO,
        true);
  }

  /**
   * The options for an address.
   *
   * @throws IllegalArgumentException with one sentence for the user if the values do not go
   *     together
   */
  SendOptions to(String destinationUrl) {
    return SendOptions.to(destinationUrl, mode)
        .connections(connections)
        .downtime(downtime)
        .timeout(timeout, timeoutStrategy)
        .bandwidth(bandwidthBytesPerSecond)
        .verify(verify)
        .compression(compression)
        .autoConverge(autoConverge)
        .build();
  }
}
