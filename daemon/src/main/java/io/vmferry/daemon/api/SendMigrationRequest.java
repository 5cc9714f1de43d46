package io.vmferry.daemon.api;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import org.jspecify.annotations.Nullable;

/**
 * Body of {@code POST /v1/vms/{name}/send-migration}.
 *
 * @param destinationUrl {@code tcp:host:port} or {@code unix:/path}
 * @param memoryMode {@code precopy}, {@code postcopy}, {@code hybrid} or {@code local}
 * @param connections 1 to 128
 * @param downtimeMs what precopy aims for
 * @param timeoutS how long rounds may go on
 * @param timeoutStrategy {@code cancel} or {@code ignore}
 * @param bandwidthBytesPerSecond 0 for no limit
 * @param verify whether to compare memory digests of both sides
 * @param extensions whether to offer extensions of the protocol; absent for true
 * @param compression {@code auto}, {@code zstd}, {@code lz4} or {@code off}; absent for auto
 * @param autoConverge whether precopy may slow the guest down; absent for true
 * @param tlsDir the node's directory of TLS files, absolute; absent for a connection without TLS
 * @param preserveSource whether the guest goes on on the source afterwards, which is for snapshots;
 *     absent for false
 */
@JsonNaming(SnakeCaseStrategy.class)
public record SendMigrationRequest(
    String destinationUrl,
    String memoryMode,
    int connections,
    long downtimeMs,
    long timeoutS,
    String timeoutStrategy,
    long bandwidthBytesPerSecond,
    boolean verify,
    @Nullable Boolean extensions,
    @Nullable String compression,
    @Nullable Boolean autoConverge,
    @Nullable String tlsDir,
    @Nullable Boolean preserveSource) {

  /**
   * A request with the defaults: one connection, 300 ms, one hour, cancel, no limit, not verified;
   * what may be absent is absent.
   */
  public static Builder to(String destinationUrl, String memoryMode) {
    return new Builder(destinationUrl, memoryMode);
  }

  /** Collects a request; what is not said has its default. */
  public static final class Builder {
    private final String destinationUrl;
    private final String memoryMode;
    private int connections = 1;
    private long downtimeMs = 300;
    private long timeoutS = 3_600;
    private String timeoutStrategy = "cancel";
    private long bandwidthBytesPerSecond;
    private boolean verify;
    private @Nullable Boolean extensions;
    private @Nullable String compression;
    private @Nullable Boolean autoConverge;
    private @Nullable String tlsDir;
    private @Nullable Boolean preserveSource;

    private Builder(String destinationUrl, String memoryMode) {
      this.destinationUrl = destinationUrl;
      this.memoryMode = memoryMode;
    }

    /** See {@link SendMigrationRequest#connections()}. */
    public Builder connections(int number) {
      connections = number;
      return this;
    }

    /** See {@link SendMigrationRequest#downtimeMs()}. */
    public Builder downtimeMs(long budget) {
      downtimeMs = budget;
      return this;
    }

    /** How long rounds may go on, and what happens then. */
    public Builder timeout(long seconds, String strategy) {
      timeoutS = seconds;
      timeoutStrategy = strategy;
      return this;
    }

    /** See {@link SendMigrationRequest#bandwidthBytesPerSecond()}. */
    public Builder bandwidth(long bytesPerSecond) {
      bandwidthBytesPerSecond = bytesPerSecond;
      return this;
    }

    /** See {@link SendMigrationRequest#verify()}. */
    public Builder verify(boolean wanted) {
      verify = wanted;
      return this;
    }

    /** See {@link SendMigrationRequest#extensions()}. */
    public Builder extensions(@Nullable Boolean offered) {
      extensions = offered;
      return this;
    }

    /** See {@link SendMigrationRequest#compression()}. */
    public Builder compression(@Nullable String wanted) {
      compression = wanted;
      return this;
    }

    /** See {@link SendMigrationRequest#autoConverge()}. */
    public Builder autoConverge(@Nullable Boolean allowed) {
      autoConverge = allowed;
      return this;
    }

    /** See {@link SendMigrationRequest#tlsDir()}. */
    public Builder tlsDir(@Nullable String directory) {
      tlsDir = directory;
      return this;
    }

    /** See {@link SendMigrationRequest#preserveSource()}. */
    public Builder preserveSource(@Nullable Boolean wanted) {
      preserveSource = wanted;
      return this;
    }

    /** The request. */
    public SendMigrationRequest build() {
      return new SendMigrationRequest(
          destinationUrl,
          memoryMode,
          connections,
          downtimeMs,
          timeoutS,
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
