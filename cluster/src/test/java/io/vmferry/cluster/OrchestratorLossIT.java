package io.vmferry.cluster;

import static io.vmferry.cluster.testing.Clusters.await;
import static io.vmferry.cluster.testing.Clusters.awaitNodes;
import static io.vmferry.cluster.testing.Clusters.begin;
import static io.vmferry.cluster.testing.Clusters.beginOnceKnown;
import static io.vmferry.cluster.testing.Clusters.ending;
import static io.vmferry.cluster.testing.Clusters.holding;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.orchestrator.MigrationOutcome;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.testing.NodeProcess;
import io.vmferry.cluster.testing.TestNode;
import java.nio.file.Path;
import java.util.Objects;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Down;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who follows a migration hears of it when the orchestrator, or the cluster, is lost. */
@Timeout(180)
class OrchestratorLossIT {
  private static final String GUEST = "guest";

  @TempDir private Path directory;

  private static void assertUnfollowed(String why, MigrationRecord record) {
    assertEquals(MigrationOutcome.FAILED, record.outcome(), record::toString);
    assertEquals(GuestLocation.UNKNOWN, record.guestLocation(), record::toString);
    var failure = Objects.requireNonNull(record.failure());
    assertEquals(FailureCode.PEER_LOST, failure.code());
    assertTrue(failure.reason().startsWith(why), failure::reason);
  }

  @Test
  void aLostOrchestratorLeavesTheGuestsPlaceUnknownAndTheGuestArrives() throws Exception {
    try (NodeProcess first = NodeProcess.start("first", directory, "");
        TestNode north = TestNode.start("north", directory, TestNode.host("one"), first.address());
        TestNode west = TestNode.start("west", directory, TestNode.host("one"), first.address())) {
      north.guests().put(GUEST, LifeCycle.RUNNING, null);
      north.script().hold = true;
      assertEquals("first", awaitNodes(north, holding(3, GUEST, "north")).orchestrator());
      awaitNodes(west, holding(3, GUEST, "north"));
      TestProbe<Orchestrator.Reply> follower = beginOnceKnown(north, GUEST, "west");
      await(follower, record -> record.progress() != null);

      first.kill();

      assertUnfollowed("The orchestrator was lost", ending(follower));
      north.script().hold = false;
      awaitNodes(north, holding(2, GUEST, "west"));
      assertEquals(LifeCycle.RUNNING, west.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aNodeThatWasRemovedFromTheClusterDoesNotFollowForEverAndKeepsItsGuests() throws Exception {
    try (TestNode north = TestNode.start("north", directory, TestNode.host("one"));
        TestNode south =
            TestNode.start("south", directory, TestNode.host("one"), north.address())) {
      assertNotNull(north.address());
      south.guests().put(GUEST, LifeCycle.RUNNING, null);
      south.script().hold = true;
      awaitNodes(south, holding(2, GUEST, "south"));
      awaitNodes(north, holding(2, GUEST, "south"));
      TestProbe<Orchestrator.Reply> follower = begin(south, GUEST, "north");
      await(follower, record -> record.progress() != null);

      Cluster cluster = Cluster.get(north.system());
      cluster.manager().tell(new Down(Cluster.get(south.system()).selfMember().address()));

      assertUnfollowed("Node south was removed from the cluster", ending(follower));
      assertNotNull(south.guests().lifeCycle(GUEST));
    }
  }
}
