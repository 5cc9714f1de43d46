package io.vmferry.cluster.orchestrator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestSettings;
import java.time.Duration;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class MigrationFollowerTest {
  private static final ActorTestKit KIT = ActorTestKit.create("vmferry", TestSettings.config());
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final MigrationRecord RUNNING =
      MigrationRecord.begun("m-1", "vm", "a", "b", SendParams.of(MemoryMode.PRECOPY));

  private final TestProbe<Orchestrator.Command> orchestrator = KIT.createTestProbe();
  private final TestProbe<Orchestrator.Reply> listener = KIT.createTestProbe();

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private ActorRef<MigrationFollower.Command> follower(TestProbe<Seen> observer, String overrides) {
    return KIT.spawn(
        MessageWatch.of(
            MigrationFollower.Command.class,
            observer.getRef(),
            MigrationFollower.create(
                TestSettings.settings("node-name = a, " + overrides),
                "m-1",
                orchestrator.getRef(),
                listener.getRef())));
  }

  private ActorRef<MigrationFollower.Command> follower() {
    return follower(KIT.createTestProbe(), "follow-interval = 1h");
  }

  private ActorRef<Orchestrator.Reply> asked() {
    return orchestrator.expectMessageClass(Orchestrator.Follow.class, PATIENCE).follower();
  }

  private MigrationRecord told() {
    return listener.expectMessageClass(Orchestrator.Described.class, PATIENCE).record();
  }

  private void assertUnfollowed(MigrationRecord record, String why) {
    assertEquals(MigrationOutcome.FAILED, record.outcome());
    assertEquals(GuestLocation.UNKNOWN, record.guestLocation());
    String reason = record.failure().reason();
    assertTrue(reason.startsWith(why), reason);
  }

  @Test
  void namesEveryMessage() {
    MessageWatch.assertEveryMessageIsHandled(
        KIT,
        MigrationFollower.Command.class,
        new Samples(KIT.system().deadLetters(), Map.of()),
        observer -> follower(observer, ""));
  }

  @Test
  void asksAgainAndTellsAChangeOnce() {
    ActorRef<MigrationFollower.Command> follower = follower(KIT.createTestProbe(), "");

    asked().tell(new Orchestrator.Described(RUNNING));
    asked().tell(new Orchestrator.Described(RUNNING));
    MigrationRecord ended = RUNNING.ended(Verdict.unfollowed(RUNNING), null, null);
    asked().tell(new Orchestrator.Described(ended));

    assertEquals(RUNNING, told());
    assertEquals(ended, told());
    listener.expectTerminated(follower, PATIENCE);
  }

  @Test
  void anOrchestratorThatBeganAnewLeavesTheGuestsPlaceUnknown() {
    ActorRef<MigrationFollower.Command> follower = follower();
    ActorRef<Orchestrator.Reply> replies = asked();
    replies.tell(new Orchestrator.Described(RUNNING));
    told();

    replies.tell(new Orchestrator.NoSuchMigration("m-1"));

    assertUnfollowed(told(), "The orchestrator was lost");
    listener.expectTerminated(follower, PATIENCE);
  }

  @Test
  void saysSoIfThereNeverWasSuchAMigration() {
    follower();

    asked().tell(new Orchestrator.NoSuchMigration("m-1"));

    assertEquals(
        "m-1", listener.expectMessageClass(Orchestrator.NoSuchMigration.class, PATIENCE).id());
  }

  @Test
  void aNodeRemovedFromTheClusterDoesNotWaitForEver() {
    ActorRef<MigrationFollower.Command> follower = follower();
    asked().tell(new Orchestrator.Described(RUNNING));
    told();

    follower.tell(new MigrationFollower.NodeRemoved());

    assertUnfollowed(told(), "Node a was removed from the cluster");
    listener.expectTerminated(follower, PATIENCE);
  }

  @Test
  void stopsWithItsListener() {
    ActorRef<MigrationFollower.Command> follower = follower();

    listener.stop();

    orchestrator.expectMessageClass(Orchestrator.Follow.class, PATIENCE);
    orchestrator.expectTerminated(follower, PATIENCE);
  }
}
