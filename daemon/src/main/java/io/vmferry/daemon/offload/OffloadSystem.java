package io.vmferry.daemon.offload;

import com.typesafe.config.ConfigFactory;
import java.util.Map;
import org.apache.pekko.actor.ActorSystem;

/**
 * The actor system of an offload command, which ends it itself. Pekko's own part in the end of the
 * JVM is off: a command that is told to end would only hear that it is too late to take part.
 */
public final class OffloadSystem {
  private static final Map<String, String> NO_HOOK =
      Map.of("pekko.coordinated-shutdown.run-by-jvm-shutdown-hook", "off");

  private OffloadSystem() {}

  /**
   * Starts one.
   *
   * @param name in logs and names of threads
   * @param settings over those of the configuration
   */
  public static ActorSystem create(String name, Map<String, String> settings) {
    return ActorSystem.create(
        name,
        ConfigFactory.parseMap(settings)
            .withFallback(ConfigFactory.parseMap(NO_HOOK))
            .withFallback(ConfigFactory.load()));
  }
}
