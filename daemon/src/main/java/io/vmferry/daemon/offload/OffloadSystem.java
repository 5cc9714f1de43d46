package io.vmferry.daemon.offload;

import com.typesafe.config.ConfigFactory;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.sandbox.Sandbox;
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

  /** For a command that hears a peer, with the fences of that mode. */
  static ActorSystem create(SeccompMode seccomp) {
    return create("offload", Map.of(Sandbox.SECCOMP, seccomp.toString()));
  }

  /**
   * For a command that serves.
   *
   * @param name in logs and names of threads
   */
  public static ActorSystem create(String name) {
    return create(name, Map.of());
  }

  private static ActorSystem create(String name, Map<String, String> settings) {
    return ActorSystem.create(
        name,
        ConfigFactory.parseMap(settings)
            .withFallback(ConfigFactory.parseMap(NO_HOOK))
            .withFallback(ConfigFactory.load()));
  }
}
