package io.vmferry.actors.migration;

import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.pages.TimeoutStrategy;
import io.vmferry.streams.transport.MigrationUrl;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a guest is to be sent.
 *
 * @param destinationUrl {@code tcp:host:port}, or {@code unix:/path} on one host
 * @param mode how memory travels
 * @param connections connections that carry memory in precopy, 1 to 128
 * @param downtime the longest pause aimed at in precopy
 * @param timeout how long precopy rounds may take
 * @param timeoutStrategy what happens then
 * @param bandwidthBytesPerSecond limit over all connections; 0 is none
 * @param verify whether each side computes a digest of the guest's memory at the switchover
 * @param extensions whether extensions of the protocol are offered; without them every byte is one
 *     that Cloud Hypervisor sends
 * @param compression how memory is compressed in precopy, where the destination takes that
 * @param autoConverge whether precopy slows the guest down if it dirties memory faster than it is
 *     sent
 * @param tlsDir the directory of this host's TLS files, for a TCP destination that has TLS; null
 *     for none
 * @param preserveSource whether this is for a snapshot, after which the guest goes on here as it
 *     was
 */
public record SendOptions(
    String destinationUrl,
    MemoryMode mode,
    int connections,
    Duration downtime,
    Duration timeout,
    TimeoutStrategy timeoutStrategy,
    long bandwidthBytesPerSecond,
    boolean verify,
    boolean extensions,
    Compression compression,
    boolean autoConverge,
    @Nullable String tlsDir,
    boolean preserveSource) {
  /** The most memory connections a destination accepts: docs/protocol.md, Connections. */
  public static final int MAX_CONNECTIONS = 128;

  /** The downtime budget where none is given. */
  public static final Duration DEFAULT_DOWNTIME = Duration.ofMillis(300);

  /** How long precopy may take where no limit is given. */
  public static final Duration DEFAULT_TIMEOUT = Duration.ofHours(1);

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException with one sentence for the user if they do not go together
   */
  public SendOptions {
    MigrationUrl url = MigrationUrl.parse(destinationUrl);
    if (connections < 1 || connections > MAX_CONNECTIONS) {
      throw new IllegalArgumentException(
          "A migration uses 1 to " + MAX_CONNECTIONS + " connections, not " + connections);
    }
    if (connections > 1 && mode == MemoryMode.LOCAL) {
      throw new IllegalArgumentException("A local migration sends no memory over connections");
    }
    if (mode == MemoryMode.LOCAL && !(url instanceof MigrationUrl.Unix)) {
      throw new IllegalArgumentException(
          "A local migration hands memory over through a UNIX socket; use unix:/path");
    }
    if (preserveSource && mode != MemoryMode.LOCAL) {
      throw new IllegalArgumentException(
          "The source is preserved in a local hand-over only, to a daemon that takes a snapshot");
    }
    if (tlsDir != null && url instanceof MigrationUrl.Unix) {
      throw new IllegalArgumentException("TLS is for tcp: addresses; leave tls_dir out");
    }
    if (downtime.isNegative() || downtime.isZero()) {
      throw new IllegalArgumentException("The downtime budget must be above zero");
    }
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("The migration's time limit must be above zero");
    }
    if (bandwidthBytesPerSecond < 0) {
      throw new IllegalArgumentException("The bandwidth limit cannot be negative");
    }
  }

  /**
   * Options with the defaults: one connection, 300 ms downtime, one hour, cancel, no limit,
   * extensions, auto-converge, no TLS.
   */
  public static Builder to(String destinationUrl, MemoryMode mode) {
    return new Builder(destinationUrl, mode);
  }

  /** A builder that begins with these options. */
  public Builder toBuilder() {
    return to(destinationUrl, mode)
        .connections(connections)
        .downtime(downtime)
        .timeout(timeout, timeoutStrategy)
        .bandwidth(bandwidthBytesPerSecond)
        .verify(verify)
        .extensions(extensions)
        .compression(compression)
        .autoConverge(autoConverge)
        .tlsDir(tlsDir)
        .preserveSource(preserveSource);
  }

  /** Collects options; what is not said has its default. */
  public static final class Builder {
    private final String destinationUrl;
    private final MemoryMode mode;
    private int connections = 1;
    private Duration downtime = DEFAULT_DOWNTIME;
    private Duration timeout = DEFAULT_TIMEOUT;
    private TimeoutStrategy timeoutStrategy = TimeoutStrategy.CANCEL;
    private long bandwidthBytesPerSecond;
    private boolean verify;
    private boolean extensions = true;
    private Compression compression = Compression.AUTO;
    private boolean autoConverge = true;
    private @Nullable String tlsDir;
    private boolean preserveSource;

    private Builder(String destinationUrl, MemoryMode mode) {
      this.destinationUrl = destinationUrl;
      this.mode = mode;
    }

    /** See {@link SendOptions#connections()}. */
    public Builder connections(int number) {
      connections = number;
      return this;
    }

    /** See {@link SendOptions#downtime()}. */
    public Builder downtime(Duration budget) {
      downtime = budget;
      return this;
    }

    /** How long rounds may take, and what happens then. */
    public Builder timeout(Duration limit, TimeoutStrategy strategy) {
      timeout = limit;
      timeoutStrategy = strategy;
      return this;
    }

    /** See {@link SendOptions#bandwidthBytesPerSecond()}. */
    public Builder bandwidth(long bytesPerSecond) {
      bandwidthBytesPerSecond = bytesPerSecond;
      return this;
    }

    /** See {@link SendOptions#verify()}. */
    public Builder verify(boolean wanted) {
      verify = wanted;
      return this;
    }

    /** See {@link SendOptions#extensions()}. */
    public Builder extensions(boolean offered) {
      extensions = offered;
      return this;
    }

    /** See {@link SendOptions#compression()}. */
    public Builder compression(Compression wanted) {
      compression = wanted;
      return this;
    }

    /** See {@link SendOptions#autoConverge()}. */
    public Builder autoConverge(boolean allowed) {
      autoConverge = allowed;
      return this;
    }

    /** See {@link SendOptions#tlsDir()}. */
    public Builder tlsDir(@Nullable String directory) {
      tlsDir = directory;
      return this;
    }

    /** See {@link SendOptions#preserveSource()}. */
    public Builder preserveSource(boolean wanted) {
      preserveSource = wanted;
      return this;
    }

    /**
     * The options.
     *
     * @throws IllegalArgumentException with one sentence for the user if they do not go together
     */
    public SendOptions build() {
      return new SendOptions(
          destinationUrl,
          mode,
          connections,
          downtime,
          timeout,
          timeoutStrategy,
          bandwidthBytesPerSecond,
          verify,
          extensions,
          compression,
          autoConverge,
          tlsDir,
          preserveSource);
    }
  }
}
