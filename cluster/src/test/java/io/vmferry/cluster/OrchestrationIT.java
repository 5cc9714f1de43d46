package io.vmferry.cluster;

import static io.vmferry.cluster.testing.Clusters.await;
import static io.vmferry.cluster.testing.Clusters.awaitNodes;
import static io.vmferry.cluster.testing.Clusters.begin;
import static io.vmferry.cluster.testing.Clusters.ending;
import static io.vmferry.cluster.testing.Clusters.holding;
import static io.vmferry.cluster.testing.Clusters.migrate;
import static io.vmferry.cluster.testing.Clusters.reachable;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MigrationPhase;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.NodeDirectory.Nodes;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.orchestrator.MigrationOutcome;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.testing.NodeProcess;
import io.vmferry.cluster.testing.TestNode;
import java.nio.file.Path;
import java.util.Objects;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real clusters on loopback, partly in JVMs of their own, of nodes with pretended guests. The
 * orchestrator runs on "north".
 */
@Timeout(180)
class OrchestrationIT {
  private static final String GUEST = "guest";

  @TempDir private Path directory;
  private TestNode north;

  @BeforeEach
  void start() {
    north = TestNode.start("north", directory, TestNode.host("one"));
  }

  @AfterEach
  void stop() {
    north.close();
  }

  private TestNode join(String name) {
    return TestNode.start(name, directory, TestNode.host("one"), north.address());
  }

  private NodeProcess joinAsProcess(String guest) throws Exception {
    return NodeProcess.start("south", directory, guest, north.address());
  }

  private static void assertEnded(
      MigrationOutcome outcome, GuestLocation location, MigrationRecord record) {
    assertEquals(outcome, record.outcome(), record::toString);
    assertEquals(location, record.guestLocation(), record::toString);
    if (outcome != MigrationOutcome.COMPLETED) {
      assertEquals(location, Objects.requireNonNull(record.failure()).guestLocation());
    }
  }

  private static void assertFailed(
      FailureCode code, GuestLocation location, MigrationRecord record) {
    assertEnded(MigrationOutcome.FAILED, location, record);
    assertEquals(code, Objects.requireNonNull(record.failure()).code(), record::toString);
  }

  private static void assertRefused(FailureCode code, Orchestrator.Reply reply) {
    Orchestrator.Refused refused =
        assertInstanceOf(Orchestrator.Refused.class, reply, reply::toString);
    assertEquals(code, refused.code(), refused::reason);
  }

  @Test
  void aNodeAloneIsACluster() {
    Nodes nodes = awaitNodes(north, reachable(1));

    assertEquals("north", nodes.self());
    assertEquals("north", nodes.orchestrator());
    assertRefused(FailureCode.NO_SUCH_VM, migrate(north, GUEST, "north"));
  }

  @Test
  void aGuestThatAllNodesKnowMovesToAnotherProcessAndBack() throws Exception {
    try (NodeProcess south = joinAsProcess(GUEST)) {
      Nodes nodes = awaitNodes(north, holding(2, GUEST, "south"));
      NodeView seen = nodes.holdersOf(GUEST).get(0);
      assertEquals(south.address(), seen.status().address());
      assertEquals(TestNode.host("one"), seen.status().host());
      GuestStatus guest = Objects.requireNonNull(seen.status().guest(GUEST));
      assertEquals(LifeCycle.RUNNING, guest.lifeCycle());
      assertEquals(64L << 20, guest.memoryBytes());

      MigrationRecord there = ending(begin(north, GUEST, "north"));

      assertEnded(MigrationOutcome.COMPLETED, GuestLocation.DESTINATION, there);
      assertEquals("south", there.from());
      assertNotNull(there.sourceSummary());
      assertNotNull(there.destinationSummary());
      assertNull(there.failure());
      assertEquals(LifeCycle.RUNNING, north.guests().lifeCycle(GUEST));

      awaitNodes(north, holding(2, GUEST, "north"));
      MigrationRecord back = ending(begin(north, GUEST, "south"));
      assertEnded(MigrationOutcome.COMPLETED, GuestLocation.DESTINATION, back);
      awaitNodes(north, holding(2, GUEST, "south"));
    }
  }

  @Test
  void aNodeThatDoesNotRunTheOrchestratorMigratesToo() {
    try (TestNode south = join("south")) {
      north.guests().put(GUEST, LifeCycle.RUNNING, null);
      Nodes nodes = awaitNodes(south, holding(2, GUEST, "north"));
      assertEquals("north", nodes.orchestrator());
      awaitNodes(north, reachable(2)); // the orchestrator sees what its own node sees

      MigrationRecord record = ending(begin(south, GUEST, "south"));

      assertEnded(MigrationOutcome.COMPLETED, GuestLocation.DESTINATION, record);
      assertEquals(LifeCycle.RUNNING, south.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aCancelledMigrationLeavesTheGuestOnTheSource() {
    try (TestNode south = join("south")) {
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      south.script().hold = true;
      awaitNodes(north, holding(2, GUEST, "south"));
      TestProbe<Orchestrator.Reply> follower = begin(north, GUEST, "north");
      String id = await(follower, record -> record.progress() != null).id();
      assertRefused(FailureCode.WRONG_STATE, migrate(north, GUEST, "north"));

      north
          .node()
          .orchestrator()
          .tell(
              new Orchestrator.CancelMigration(id, north.probe(Orchestrator.Reply.class).getRef()));

      assertEnded(MigrationOutcome.CANCELLED, GuestLocation.SOURCE, ending(follower));
      assertNull(north.guests().lifeCycle(GUEST));
      assertEquals(LifeCycle.RUNNING, south.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aDestinationThatRefusesLeavesTheGuestOnTheSource() {
    try (TestNode south = join("south")) {
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      awaitNodes(north, holding(2, GUEST, "south"));
      north.script().refuseReceive = true;

      MigrationRecord record = ending(begin(north, GUEST, "north"));

      assertFailed(FailureCode.NOT_ENOUGH_MEMORY, GuestLocation.SOURCE, record);
      assertEquals(LifeCycle.RUNNING, south.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aDestinationThatNeverAnswersLeavesTheGuestOnTheSource() {
    try (TestNode south = join("south")) {
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      awaitNodes(north, holding(2, GUEST, "south"));
      north.script().silent = true;

      MigrationRecord record = ending(begin(north, GUEST, "north"));

      assertEnded(MigrationOutcome.FAILED, GuestLocation.SOURCE, record);
      assertEquals(LifeCycle.RUNNING, south.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aSourceThatRefusesKeepsTheGuest() {
    try (TestNode south = join("south")) {
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      awaitNodes(north, holding(2, GUEST, "south"));
      south.script().refuseSend = true;

      MigrationRecord record = ending(begin(north, GUEST, "north"));

      assertFailed(FailureCode.WRONG_STATE, GuestLocation.SOURCE, record);
      assertNull(north.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void sessionsWhoseDigestsDifferAreAFailure() {
    try (TestNode south = join("south")) {
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      awaitNodes(north, holding(2, GUEST, "south"));
      north.script().digest = "00000000deadbeef";

      MigrationRecord record = ending(begin(north, GUEST, "north"));

      assertEnded(MigrationOutcome.FAILED, GuestLocation.DESTINATION, record);
      String reason = Objects.requireNonNull(record.failure()).reason();
      assertTrue(reason.startsWith("MEMORY DIFFERS"), reason);
    }
  }

  @Test
  void aDestinationThatVanishesLeavesTheGuestOnTheSource() throws Exception {
    north.guests().put(GUEST, LifeCycle.RUNNING, null);
    north.script().hold = true;
    try (NodeProcess south = joinAsProcess("")) {
      awaitNodes(north, holding(2, GUEST, "north"));
      TestProbe<Orchestrator.Reply> follower = begin(north, GUEST, "south");
      await(follower, record -> record.progress() != null);

      south.kill();

      assertEnded(MigrationOutcome.FAILED, GuestLocation.SOURCE, ending(follower));
      assertEquals(LifeCycle.RUNNING, north.guests().lifeCycle(GUEST));
    }
  }

  // With a third node it is the rest that is the majority, whatever the addresses are.

  @Test
  void aDestinationThatVanishesBeforeItsAnswerLeavesTheGuestsPlaceUnknown() {
    north.guests().put(GUEST, LifeCycle.RUNNING, null);
    try (TestNode west = join("west");
        TestNode south = join("south")) {
      south.script().holdAnswer = true;
      assertNotNull(west.address());
      awaitNodes(north, holding(3, GUEST, "north"));
      TestProbe<Orchestrator.Reply> follower = begin(north, GUEST, "south");
      await(follower, record -> record.phase() == MigrationPhase.SWITCHOVER);

      south.vanish();

      assertFailed(FailureCode.PEER_LOST, GuestLocation.UNKNOWN, ending(follower));
      assertEquals(LifeCycle.HANDOVER_UNKNOWN, north.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aDestinationThatVanishesAfterTheHandoverHadTheGuest() {
    north.guests().put(GUEST, LifeCycle.RUNNING, null);
    north.script().holdAfterHandover = true;
    try (TestNode west = join("west");
        TestNode south = join("south")) {
      assertNotNull(west.address());
      awaitNodes(north, holding(3, GUEST, "north"));
      TestProbe<Orchestrator.Reply> follower = begin(north, GUEST, "south");
      await(follower, record -> record.phase() == MigrationPhase.POSTCOPY);

      south.vanish();

      assertEnded(MigrationOutcome.FAILED, GuestLocation.DESTINATION, ending(follower));
    }
  }

  @Test
  void aSourceThatVanishesIsNotSaidToHaveTheGuest() {
    try (TestNode west = join("west");
        TestNode south = join("south")) {
      assertNotNull(west.address());
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      south.script().hold = true;
      awaitNodes(north, holding(3, GUEST, "south"));
      TestProbe<Orchestrator.Reply> follower = begin(west, GUEST, "north");
      await(follower, record -> record.progress() != null);

      south.vanish();

      assertFailed(FailureCode.PEER_LOST, GuestLocation.UNKNOWN, ending(follower));
      assertNull(north.guests().lifeCycle(GUEST));
    }
  }
}
