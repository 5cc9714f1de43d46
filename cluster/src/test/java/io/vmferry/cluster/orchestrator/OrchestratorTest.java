package io.vmferry.cluster.orchestrator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.node.Membership;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.testing.MessageWatch;
import io.vmferry.cluster.testing.MessageWatch.Seen;
import io.vmferry.cluster.testing.Samples;
import io.vmferry.cluster.testing.TestSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class OrchestratorTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create("orchestrators", TestSettings.withoutCluster());
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final TestProbe<NodeDirectory.Command> directory = KIT.createTestProbe();
  private final TestProbe<Orchestrator.Reply> asker = KIT.createTestProbe();

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  private ActorRef<Orchestrator.Command> orchestrator(TestProbe<Seen> observer, String overrides) {
    return KIT.spawn(
        MessageWatch.of(
            Orchestrator.Command.class,
            observer.getRef(),
            Orchestrator.create(TestSettings.settings(overrides), directory.getRef())));
  }

  private ActorRef<Orchestrator.Command> orchestrator() {
    return orchestrator(KIT.createTestProbe(), "");
  }

  private static MigrationRecord record(String id) {
    return MigrationRecord.begun(id, "vm", "a", "b", SendParams.of(MemoryMode.PRECOPY));
  }

  private static MigrationRecord ended(String id) {
    MigrationRecord record = record(id);
    return record.ended(
        new Verdict(MigrationOutcome.COMPLETED, null, GuestLocation.DESTINATION), null, null);
  }

  private <T extends Orchestrator.Reply> T answer(Class<T> type) {
    return asker.expectMessageClass(type, PATIENCE);
  }

  @Test
  void namesEveryMessage() {
    MessageWatch.assertEveryMessageIsHandled(
        KIT,
        Orchestrator.Command.class,
        new Samples(KIT.system().deadLetters(), Map.of()),
        observer -> orchestrator(observer, ""));
  }

  @Test
  void refusesASecondMigrationOfAGuestAtOnce() {
    ActorRef<Orchestrator.Command> orchestrator = orchestrator();
    Orchestrator.Migrate request =
        new Orchestrator.Migrate("vm", "b", SendParams.of(MemoryMode.PRECOPY), asker.getRef());
    orchestrator.tell(request);
    directory.expectMessageClass(NodeDirectory.ListNodes.class, PATIENCE);

    orchestrator.tell(request);

    assertEquals(FailureCode.WRONG_STATE, answer(Orchestrator.Refused.class).code());
  }

  @Test
  void answersTheOneWhoseMigrationFailedByAFaultOfItsOwn() {
    orchestrator()
        .tell(
            new Orchestrator.Migrate("vm", "b", SendParams.of(MemoryMode.PRECOPY), asker.getRef()));

    NodeView broken = new NodeView(null, Membership.UP, Duration.ZERO, false);
    directory
        .expectMessageClass(NodeDirectory.ListNodes.class, PATIENCE)
        .replyTo()
        .tell(new NodeDirectory.Nodes("a", "a", List.of(broken)));

    assertEquals(FailureCode.INTERNAL, answer(Orchestrator.Refused.class).code());
  }

  @Test
  void aRunThatStopsWithoutAnEndingLeavesTheGuestsPlaceUnknown() {
    ActorRef<Orchestrator.Command> orchestrator = orchestrator();
    orchestrator.tell(new Orchestrator.RunAdmitted(record("m-1"), asker.getRef()));
    orchestrator.tell(new Orchestrator.Follow("m-1", asker.getRef()));
    answer(Orchestrator.Accepted.class);
    answer(Orchestrator.Described.class);

    orchestrator.tell(new Orchestrator.RunStopped("m-1"));

    MigrationRecord ending = answer(Orchestrator.Described.class).record();
    assertEquals(MigrationOutcome.FAILED, ending.outcome());
    assertEquals(GuestLocation.UNKNOWN, ending.guestLocation());
  }

  @Test
  void tellsFollowersEveryChangeUntilTheEnd() {
    ActorRef<Orchestrator.Command> orchestrator = orchestrator();
    orchestrator.tell(new Orchestrator.RunChanged(record("m-1")));
    orchestrator.tell(new Orchestrator.Follow("m-1", asker.getRef()));
    orchestrator.tell(new Orchestrator.Follow("m-1", asker.getRef())); // asks again
    answer(Orchestrator.Described.class);
    answer(Orchestrator.Described.class);

    orchestrator.tell(new Orchestrator.RunChanged(record("m-1").withCancelRequested(true)));
    orchestrator.tell(new Orchestrator.RunChanged(ended("m-1")));

    assertTrue(answer(Orchestrator.Described.class).record().cancelRequested());
    assertTrue(answer(Orchestrator.Described.class).record().hasEnded());
    asker.expectNoMessage(Duration.ofMillis(1));
  }

  @Test
  void cancelsNothingThatHasEndedOrIsNotKnown() {
    ActorRef<Orchestrator.Command> orchestrator = orchestrator();
    orchestrator.tell(new Orchestrator.RunChanged(ended("m-1")));

    orchestrator.tell(new Orchestrator.CancelMigration("m-1", asker.getRef()));
    orchestrator.tell(new Orchestrator.CancelMigration("m-2", asker.getRef()));

    assertEquals("Migration m-1 has ended already.", answer(Orchestrator.Refused.class).reason());
    assertEquals("m-2", answer(Orchestrator.NoSuchMigration.class).id());
  }

  @Test
  void switchesOnlyHybridMigrationsToPostcopy() {
    ActorRef<Orchestrator.Command> orchestrator = orchestrator();
    orchestrator.tell(new Orchestrator.RunChanged(record("m-1")));

    orchestrator.tell(new Orchestrator.SwitchToPostcopy("m-1", asker.getRef()));
    orchestrator.tell(new Orchestrator.SwitchToPostcopy("m-2", asker.getRef()));

    String reason = answer(Orchestrator.Refused.class).reason();
    assertEquals("Migration m-1 was not started in hybrid mode and cannot switch.", reason);
    assertEquals("m-2", answer(Orchestrator.NoSuchMigration.class).id());
  }

  @Test
  void forgetsTheOldestThatHasEnded() {
    ActorRef<Orchestrator.Command> orchestrator =
        orchestrator(KIT.createTestProbe(), "history = 2");
    orchestrator.tell(new Orchestrator.RunChanged(record("m-1")));
    orchestrator.tell(new Orchestrator.RunChanged(ended("m-2")));
    orchestrator.tell(new Orchestrator.RunChanged(ended("m-3")));

    orchestrator.tell(new Orchestrator.ListMigrations(asker.getRef()));

    assertEquals(
        List.of("m-1", "m-3"),
        answer(Orchestrator.Listed.class).records().stream().map(MigrationRecord::id).toList());
  }
}
