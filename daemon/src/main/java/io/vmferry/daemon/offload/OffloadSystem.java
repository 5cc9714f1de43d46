package io.vmferry.daemon.offload;

import com.typesafe.config.ConfigFactory;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.streams.sandbox.Sandbox;
import java.util.Map;
import org.apache.pekko.actor.ActorSystem;

/** The actor system that the streams of an offload command run on. */
final class OffloadSystem {
  private OffloadSystem() {}

  static ActorSystem create(SeccompMode seccomp) {
    return ActorSystem.create(
        "offload",
        ConfigFactory.parseMap(Map.of(Sandbox.SECCOMP, seccomp.toString()))
            .withFallback(ConfigFactory.load()));
  }
}
