package io.vmferry.daemon.node;

import io.vmferry.kvm.sandbox.SeccompMode;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says; absent values come from the configuration file or the defaults.
 *
 * @param config the configuration file
 * @param name the node's name
 * @param http the management routes
 * @param cluster host:port of the cluster address
 * @param seeds host:port of members to join; empty for none given
 * @param data the node's directory
 * @param logFile where the log goes
 * @param seccomp the mode of the sandbox
 */
public record NodeFlags(
    @Nullable Path config,
    @Nullable String name,
    HttpFlags http,
    @Nullable String cluster,
    List<String> seeds,
    @Nullable Path data,
    @Nullable Path logFile,
    @Nullable SeccompMode seccomp) {
  /** Copies the list. */
  public NodeFlags {
    seeds = List.copyOf(seeds);
  }
}
