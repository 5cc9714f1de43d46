package io.vmferry.cluster.testing;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.vmferry.cluster.ClusterConfig;
import io.vmferry.cluster.ClusterSettings;

/** Settings with short waits, for tests. */
public final class TestSettings {
  static final Config QUICK =
      ConfigFactory.parseString(
          """
          vmferry.cluster {
            refresh-interval = 100ms
            publish-interval = 300ms
            stale-after = 2s
            host-timeout = 2s
            survey-timeout = 2s
            start-timeout = 3s
            settle-timeout = 5s
            cleanup-timeout = 1s
            redeliver-interval = 300ms
            follow-interval = 300ms
          }
          pekko.cluster {
            failure-detector.heartbeat-interval = 200ms
            failure-detector.acceptable-heartbeat-pause = 2s
            failure-detector.expected-response-after = 500ms
            unreachable-nodes-reaper-interval = 200ms
            split-brain-resolver.stable-after = 500ms
            gossip-interval = 200ms
            leader-actions-interval = 200ms
            periodic-tasks-initial-delay = 200ms
            seed-node-timeout = 1s
            retry-unsuccessful-join-after = 500ms
            singleton.hand-over-retry-interval = 200ms
          }
          pekko.coordinated-shutdown.run-by-actor-system-terminate = off
          pekko.coordinated-shutdown.run-by-jvm-shutdown-hook = off
          """);

  private TestSettings() {}

  /** A whole configuration of a node that is in no cluster yet. */
  public static Config config() {
    return ClusterConfig.load(ClusterConfig.node("a", "127.0.0.1", 0).withFallback(QUICK));
  }

  /** A configuration for actors that need no cluster. */
  public static Config withoutCluster() {
    return ConfigFactory.parseString("pekko.actor.provider = local").withFallback(config());
  }

  /** The quick settings, but for some. */
  public static ClusterSettings settings(String overrides) {
    Config config =
        ConfigFactory.parseString("vmferry.cluster { " + overrides + " }").withFallback(config());
    return ClusterSettings.from(config, "127.0.0.1", 1);
  }
}
