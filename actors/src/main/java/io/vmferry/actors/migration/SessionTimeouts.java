package io.vmferry.actors.migration;

import com.typesafe.config.Config;
import java.time.Duration;
import org.apache.pekko.actor.typed.ActorSystem;

/**
 * How long a session waits for its peer; from {@code vmferry.migration} in the configuration.
 *
 * @param connect for a connection to be accepted
 * @param answer for the answer to a command
 */
record SessionTimeouts(
    Duration connect, Duration answer, Duration recovery, Duration linger, Duration deadPeer) {
  static SessionTimeouts of(ActorSystem<?> system) {
    Config config = system.settings().config().getConfig("vmferry.migration");
    return new SessionTimeouts(
        config.getDuration("connect-timeout"),
        config.getDuration("answer-timeout"),
        config.getDuration("recovery-patience"),
        config.getDuration("linger"),
        config.getDuration("dead-peer-timeout"));
  }
}
