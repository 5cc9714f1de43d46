package io.vmferry.cluster;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.util.Map;

/** Makes the configuration of an actor system that is a node of a cluster. */
public final class ClusterConfig {
  /** The name every node's actor system must have: the cluster's protocol wants one name. */
  public static final String SYSTEM_NAME = "vmferry";

  private ClusterConfig() {}

  /**
   * Layers the configuration: system properties, {@code overrides}, the user's application
   * configuration, vmferry's differences from Pekko, every module's reference.conf.
   *
   * @param overrides what the caller decided, for instance from command line flags
   * @throws com.typesafe.config.ConfigException if a file cannot be read or does not resolve
   */
  public static Config load(Config overrides) {
    return ConfigFactory.defaultOverrides()
        .withFallback(overrides)
        .withFallback(ConfigFactory.defaultApplication())
        .withFallback(ConfigFactory.parseResourcesAnySyntax("vmferry-cluster"))
        .withFallback(ConfigFactory.defaultReferenceUnresolved())
        .resolve();
  }

  /**
   * The overrides of one node.
   *
   * @param name the node's name
   * @param host host of its cluster address
   * @param port its port; 0 picks a free one
   */
  public static Config node(String name, String host, int port) {
    return ConfigFactory.parseMap(
            Map.of(
                "vmferry.cluster.node-name", name,
                "pekko.remote.artery.canonical.hostname", host))
        .withValue("pekko.remote.artery.canonical.port", ConfigValueFactory.fromAnyRef(port));
  }
}
