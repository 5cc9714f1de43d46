package io.vmferry.cluster;

import com.typesafe.config.Config;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The values under {@code vmferry.cluster}; reference.conf says what each is for.
 *
 * @param nodeName this node's name, unique in the cluster
 * @param migrationHost the host other nodes dial for migrations to this node
 * @param migrationBindHost the host the migration listener is bound to
 * @param tlsDir the directory of TLS files for migrations over TCP; null for no TLS
 * @param runDirectory where the sockets of local migrations are made
 * @param refreshInterval how often the node looks at itself
 * @param publishInterval how often it publishes its status when nothing changed
 * @param staleAfter age from which another node's status counts as stale
 * @param hostTimeout how long the node's VM host may take to answer
 * @param surveyTimeout how long the nodes have to say what they hold before a migration
 * @param startTimeout how long a node may take to start its side of a migration
 * @param settleTimeout how long the second side may take to end once the first has
 * @param cleanupTimeout how long the destination may take to clear up once the guest is known to
 *     stay on the source
 * @param redeliverInterval how often an unacknowledged ending is told again
 * @param followInterval how often a follower asks again
 * @param history ended migrations the orchestrator remembers
 */
public record ClusterSettings(
    String nodeName,
    String migrationHost,
    String migrationBindHost,
    @Nullable String tlsDir,
    Path runDirectory,
    Duration refreshInterval,
    Duration publishInterval,
    Duration staleAfter,
    Duration hostTimeout,
    Duration surveyTimeout,
    Duration startTimeout,
    Duration settleTimeout,
    Duration cleanupTimeout,
    Duration redeliverInterval,
    Duration followInterval,
    int history) {

  /**
   * Reads the settings.
   *
   * @param config an actor system's whole configuration
   * @param clusterHost the host of the node's cluster address: the default of migration-host
   * @param clusterPort its port; with the host the default of node-name
   * @throws com.typesafe.config.ConfigException if a value is missing or of another type
   */
  public static ClusterSettings from(Config config, String clusterHost, int clusterPort) {
    Config own = config.getConfig("vmferry.cluster");
    String migrationHost =
        or(own.getString("migration-host"), clusterHost.replaceAll("[\\[\\]]", ""));
    return new ClusterSettings(
        or(own.getString("node-name"), clusterHost + ":" + clusterPort),
        migrationHost,
        or(own.getString("migration-bind-host"), migrationHost),
        orNull(own.getString("tls-dir")),
        Path.of(own.getString("run-directory")),
        own.getDuration("refresh-interval"),
        own.getDuration("publish-interval"),
        own.getDuration("stale-after"),
        own.getDuration("host-timeout"),
        own.getDuration("survey-timeout"),
        own.getDuration("start-timeout"),
        own.getDuration("settle-timeout"),
        own.getDuration("cleanup-timeout"),
        own.getDuration("redeliver-interval"),
        own.getDuration("follow-interval"),
        own.getInt("history"));
  }

  private static @Nullable String orNull(String value) {
    return value.isEmpty() ? null : value;
  }

  private static String or(String value, String otherwise) {
    return value.isEmpty() ? otherwise : value;
  }
}
