package io.vmferry.daemon.node;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.typesafe.config.ConfigFactory;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.time.Duration;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.LoggingTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** The rehearsal on real KVM: it moves its guest, and leaves. */
@RequiresKvm
@RequiresUffd
class RehearsalIT {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ConfigFactory.parseString("pekko.loglevel = DEBUG\npekko.log-dead-letters = off"));

  @BeforeAll
  static void log() {
    ((Logger) LoggerFactory.getLogger(Rehearsal.class)).setLevel(Level.DEBUG);
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void movesItsGuestInBothModesHasPagesFaultAndStops() {
    TestProbe<Rehearsal.Command> probe = KIT.createTestProbe();

    ActorRef<Rehearsal.Command> rehearsal =
        LoggingTestKit.debug("2 switchovers and 8192 page faults rehearsed")
            .expect(KIT.system(), () -> KIT.spawn(Rehearsal.create(2, 5_000)));

    probe.expectTerminated(rehearsal, Duration.ofSeconds(10));
  }

  @Test
  void stopsWhenNothingHappens() {
    TestProbe<Rehearsal.Command> probe = KIT.createTestProbe();

    ActorRef<Rehearsal.Command> rehearsal =
        LoggingTestKit.debug("The rehearsal ends early: Overdue")
            .expect(
                KIT.system(),
                () -> {
                  ActorRef<Rehearsal.Command> spawned = KIT.spawn(Rehearsal.create(2, 5_000));
                  spawned.tell(new Rehearsal.Overdue());
                  return spawned;
                });

    probe.expectTerminated(rehearsal, Duration.ofSeconds(10));
  }
}
