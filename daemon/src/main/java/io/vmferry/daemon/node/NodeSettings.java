package io.vmferry.daemon.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.vmferry.cluster.ClusterConfig;
import io.vmferry.cluster.ClusterSettings;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.sandbox.Sandbox;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A node's settings: flags above the configuration file above the defaults (reference.conf, {@code
 * vmferry.node}, says what each is for).
 *
 * @param name the node's name
 * @param http the management routes
 * @param cluster the cluster address
 * @param seeds {@code host:port} of members to join
 * @param data the node's directory; null for a temporary one
 * @param logFile where the log goes; null for stderr
 * @param config the whole configuration, for the actor system
 */
public record NodeSettings(
    String name,
    HttpSettings http,
    HostPort cluster,
    List<HostPort> seeds,
    @Nullable Path data,
    @Nullable Path logFile,
    Config config) {
  private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}";

  /** Copies the list. */
  public NodeSettings {
    seeds = List.copyOf(seeds);
  }

  /**
   * Reads and checks them.
   *
   * @throws NodeFailure with one sentence for the user if something is wrong
   */
  public static NodeSettings read(NodeFlags flags) {
    Config file = ConfigFile.read(flags.config());
    Config node = ConfigFile.checked(() -> ConfigFile.withDefaults(file).getConfig("vmferry.node"));
    return ConfigFile.checked(() -> read(flags, file, node));
  }

  private static NodeSettings read(NodeFlags flags, Config file, Config node) {
    HttpSettings http = HttpSettings.read(flags.http(), node.getConfig("http"));
    HostPort cluster =
        HostPort.parse("--cluster", or(flags.cluster(), () -> node.getString("cluster")));
    if (cluster.address("--cluster").isAnyLocalAddress()) {
      throw NodeFailure.usage(
          "--cluster " + cluster + " is not an address that other nodes can reach: name one");
    }
    List<String> seedTexts = flags.seeds().isEmpty() ? node.getStringList("seeds") : flags.seeds();
    List<HostPort> seeds = seedTexts.stream().map(seed -> HostPort.parse("--seed", seed)).toList();
    for (HostPort seed : seeds) {
      if (seed.port() == 0) {
        throw NodeFailure.usage("--seed " + seed + " has no port: write the seed's cluster port");
      }
    }
    String name = or(flags.name(), () -> node.getString("name"));
    name = name.isEmpty() ? hostName() : name;
    if (!name.matches(NAME)) {
      throw NodeFailure.usage(
          "'"
              + name
              + "' is no node name: use 1 to 63 letters, digits, '-', '_' and '.', no sign first");
    }
    NodeSettings settings =
        new NodeSettings(
            name,
            http,
            cluster,
            seeds,
            path(flags.data(), node.getString("data")),
            path(flags.logFile(), node.getString("log-file")),
            systemConfig(flags, file, name, cluster));
    settings.checkValues();
    return settings;
  }

  /** Reads what is read later, so that a value of a wrong type is found now. */
  private void checkValues() {
    ClusterSettings.from(config, cluster.host(), cluster.port());
    for (Duration limit : List.of(joinTimeout(), askTimeout(), createTimeout(), drainTimeout())) {
      if (limit.isNegative() || limit.isZero()) {
        throw NodeFailure.usage("The configuration has a time limit of zero: write one above it");
      }
    }
    if (history() < 1) {
      throw NodeFailure.usage("vmferry.node.history must be 1 or more");
    }
    checkSeccomp();
    if (rehearsals() < 0 || rehearsedFaults() < 0) {
      throw NodeFailure.usage(
          "vmferry.node.rehearsals and vmferry.node.rehearsed-faults must be 0 or more");
    }
  }

  private void checkSeccomp() {
    try {
      SeccompMode unused = SeccompMode.parse(config.getString(Sandbox.SECCOMP));
    } catch (IllegalArgumentException e) {
      throw NodeFailure.usage(Sandbox.SECCOMP + " must be off, log, errno or kill");
    }
  }

  private static Config systemConfig(NodeFlags flags, Config file, String name, HostPort cluster) {
    SeccompMode seccomp = flags.seccomp();
    Config chosen =
        seccomp == null
            ? ConfigFactory.empty()
            : ConfigFactory.parseMap(Map.of(Sandbox.SECCOMP, seccomp.toString()));
    return ClusterConfig.load(
        ClusterConfig.node(name, cluster.host(), cluster.port())
            .withFallback(chosen)
            .withFallback(file)
            .withFallback(ConfigFactory.parseResourcesAnySyntax("vmferry-node")));
  }

  /** The settings with sockets of migrations in {@code directory}. */
  Config configWithRunDirectory(Path directory) {
    return ConfigFactory.parseMap(Map.of("vmferry.cluster.run-directory", directory.toString()))
        .withFallback(config);
  }

  /** How long a seed may take to let the node in. */
  Duration joinTimeout() {
    return config.getDuration("vmferry.node.join-timeout");
  }

  /** How long the host and the orchestrator may take to answer. */
  Duration askTimeout() {
    return config.getDuration("vmferry.node.ask-timeout");
  }

  /** How long creating a VM may take. */
  Duration createTimeout() {
    return config.getDuration("vmferry.node.create-timeout");
  }

  /** How long migrations may take to end when the node stops. */
  Duration drainTimeout() {
    return config.getDuration("vmferry.node.drain-timeout");
  }

  /** Ended migrations that the node remembers. */
  int history() {
    return config.getInt("vmferry.node.history");
  }

  /** How often a switchover is rehearsed once the node has started; 0 for never. */
  int rehearsals() {
    return config.getInt("vmferry.node.rehearsals");
  }

  /** How many page faults are rehearsed behind that; 0 for none. */
  int rehearsedFaults() {
    return config.getInt("vmferry.node.rehearsed-faults");
  }

  private static String or(@Nullable String flag, Supplier<String> otherwise) {
    return flag == null ? otherwise.get() : flag;
  }

  static @Nullable Path path(@Nullable Path flag, String otherwise) {
    if (flag == null && otherwise.isEmpty()) {
      return null;
    }
    return (flag == null ? Path.of(otherwise) : flag).toAbsolutePath().normalize();
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      // A host whose own name does not resolve; any name will do, if there is one such node.
      return "node";
    }
  }
}
