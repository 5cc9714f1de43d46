package io.vmferry.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.vmferry.actors.migration.GuestLocation;
import io.vmferry.actors.migration.MemoryMode;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.actors.vm.LifeCycle;
import io.vmferry.cluster.node.GuestStatus;
import io.vmferry.cluster.node.NodeDirectory;
import io.vmferry.cluster.node.NodeDirectory.Nodes;
import io.vmferry.cluster.node.NodeView;
import io.vmferry.cluster.orchestrator.MigrationFollower;
import io.vmferry.cluster.orchestrator.MigrationOutcome;
import io.vmferry.cluster.orchestrator.MigrationRecord;
import io.vmferry.cluster.orchestrator.Orchestrator;
import io.vmferry.cluster.orchestrator.SendParams;
import io.vmferry.cluster.testing.NodeProcess;
import io.vmferry.cluster.testing.TestNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Predicate;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real clusters on loopback, partly in JVMs of their own, of nodes with pretended guests. */
@Timeout(180)
class OrchestrationIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
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

  private Nodes awaitNodes(TestNode node, Predicate<Nodes> condition) {
    TestProbe<Nodes> probe = node.probe(Nodes.class);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    Nodes nodes;
    do {
      node.node().directory().tell(new NodeDirectory.ListNodes(probe.getRef()));
      nodes = probe.receiveMessage(PATIENCE);
      if (System.nanoTime() > deadline) {
        throw new AssertionError("the nodes stayed " + nodes);
      }
    } while (!condition.test(nodes));
    return nodes;
  }

  private static Predicate<Nodes> reachable(int count) {
    return nodes -> nodes.nodes().stream().filter(NodeView::isReachable).count() == count;
  }

  private Orchestrator.Reply migrate(TestNode node, String vm, String to) {
    TestProbe<Orchestrator.Reply> probe = node.probe(Orchestrator.Reply.class);
    node.node()
        .orchestrator()
        .tell(new Orchestrator.Migrate(vm, to, SendParams.of(MemoryMode.PRECOPY), probe.getRef()));
    return probe.receiveMessage(PATIENCE);
  }

  private TestProbe<Orchestrator.Reply> follow(TestNode node, String id) {
    TestProbe<Orchestrator.Reply> probe = node.probe(Orchestrator.Reply.class);
    node.spawn(
        MigrationFollower.create(
            node.node().settings(), id, node.node().orchestrator(), probe.getRef()));
    return probe;
  }

  private static MigrationRecord await(
      TestProbe<Orchestrator.Reply> follower, Predicate<MigrationRecord> condition) {
    MigrationRecord record;
    do {
      Orchestrator.Reply reply = follower.receiveMessage(PATIENCE);
      record = assertInstanceOf(Orchestrator.Described.class, reply).record();
    } while (!condition.test(record));
    return record;
  }

  private static MigrationRecord ending(TestProbe<Orchestrator.Reply> follower) {
    return await(follower, MigrationRecord::hasEnded);
  }

  private String accepted(TestNode node, String to) {
    return assertInstanceOf(Orchestrator.Accepted.class, migrate(node, GUEST, to)).record().id();
  }

  private static String refusal(FailureCode code, Orchestrator.Reply reply) {
    Orchestrator.Refused refused = assertInstanceOf(Orchestrator.Refused.class, reply);
    assertEquals(code, refused.code());
    return refused.reason();
  }

  @Test
  void aNodeAloneIsACluster() {
    Nodes nodes = awaitNodes(north, reachable(1));

    assertEquals("north", nodes.self());
    assertEquals("north", nodes.orchestrator());
    refusal(FailureCode.NO_SUCH_VM, migrate(north, GUEST, "north"));
  }

  @Test
  void nodesKnowEachOthersGuestsAndCapacity() throws Exception {
    try (NodeProcess south = NodeProcess.start("south", directory, GUEST, false, north.address())) {
      Nodes nodes = awaitNodes(north, n -> n.holdersOf(GUEST).size() == 1);

      NodeView seen = nodes.holdersOf(GUEST).get(0);
      assertEquals("south", seen.name());
      assertEquals(south.address(), seen.status().address());
      assertEquals(TestNode.host("one"), seen.status().host());
      GuestStatus guest = Objects.requireNonNull(seen.status().guest(GUEST));
      assertEquals(LifeCycle.RUNNING, guest.lifeCycle());
      assertEquals(64L << 20, guest.memoryBytes());
    }
    awaitNodes(north, n -> n.nodes().stream().noneMatch(v -> v.isReachable() && isSouth(v)));
  }

  private static boolean isSouth(NodeView node) {
    return node.name().equals("south");
  }

  @Test
  void aGuestMovesToAnotherProcessAndBack() throws Exception {
    try (NodeProcess south = NodeProcess.start("south", directory, GUEST, false, north.address())) {
      assertNotNull(south.address());
      awaitNodes(north, n -> n.holdersOf(GUEST).size() == 1);

      MigrationRecord there = ending(follow(north, accepted(north, "north")));

      assertEquals(MigrationOutcome.COMPLETED, there.outcome(), there::toString);
      assertEquals(GuestLocation.DESTINATION, there.guestLocation());
      assertEquals("south", there.from());
      assertNotNull(there.sourceSummary());
      assertNotNull(there.destinationSummary());
      assertNull(there.failure());
      assertEquals(LifeCycle.RUNNING, north.guests().lifeCycle(GUEST));

      awaitNodes(north, n -> n.holdersOf(GUEST).stream().allMatch(v -> v.name().equals("north")));
      MigrationRecord back = ending(follow(north, accepted(north, "south")));
      assertEquals(MigrationOutcome.COMPLETED, back.outcome(), back::toString);
      awaitNodes(north, n -> n.holdersOf(GUEST).stream().allMatch(OrchestrationIT::isSouth));
    }
  }

  @Test
  void aNodeThatDoesNotRunTheOrchestratorMigratesToo() throws Exception {
    try (TestNode south =
        TestNode.start("south", directory, TestNode.host("one"), north.address())) {
      north.guests().put(GUEST, LifeCycle.RUNNING, null);
      Nodes nodes = awaitNodes(south, n -> n.holdersOf(GUEST).size() == 1 && n.nodes().size() == 2);
      assertEquals("north", nodes.orchestrator());

      MigrationRecord record = ending(follow(south, accepted(south, "south")));

      assertEquals(MigrationOutcome.COMPLETED, record.outcome(), record::toString);
      assertEquals(LifeCycle.RUNNING, south.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aCancelledMigrationLeavesTheGuestOnTheSource() throws Exception {
    try (NodeProcess south = NodeProcess.start("south", directory, GUEST, true, north.address())) {
      assertNotNull(south.address());
      awaitNodes(north, n -> n.holdersOf(GUEST).size() == 1);
      String id = accepted(north, "north");
      TestProbe<Orchestrator.Reply> follower = follow(north, id);
      await(follower, record -> record.progress() != null);
      refusal(FailureCode.WRONG_STATE, migrate(north, GUEST, "north"));

      north
          .node()
          .orchestrator()
          .tell(
              new Orchestrator.CancelMigration(id, north.probe(Orchestrator.Reply.class).getRef()));

      MigrationRecord record = ending(follower);
      assertEquals(MigrationOutcome.CANCELLED, record.outcome(), record::toString);
      assertEquals(GuestLocation.SOURCE, record.guestLocation());
      assertNull(north.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void aDestinationThatRefusesLeavesTheGuestOnTheSource() throws Exception {
    try (NodeProcess south = NodeProcess.start("south", directory, GUEST, false, north.address())) {
      assertNotNull(south.address());
      awaitNodes(north, n -> n.holdersOf(GUEST).size() == 1);
      north.script().refuseReceive = true;

      MigrationRecord record = ending(follow(north, accepted(north, "north")));

      assertEquals(MigrationOutcome.FAILED, record.outcome());
      assertEquals(GuestLocation.SOURCE, record.guestLocation());
      assertEquals(FailureCode.NOT_ENOUGH_MEMORY, Objects.requireNonNull(record.failure()).code());
    }
  }

  @Test
  void aDestinationThatVanishesLeavesTheGuestOnTheSource() throws Exception {
    north.guests().put(GUEST, LifeCycle.RUNNING, null);
    north.script().hold = true;
    try (NodeProcess south = NodeProcess.start("south", directory, "", false, north.address())) {
      awaitNodes(north, n -> reachable(2).test(n) && n.holdersOf(GUEST).size() == 1);
      TestProbe<Orchestrator.Reply> follower = follow(north, accepted(north, "south"));
      await(follower, record -> record.progress() != null);

      south.kill();

      MigrationRecord record = ending(follower);
      assertEquals(MigrationOutcome.FAILED, record.outcome(), record::toString);
      assertEquals(GuestLocation.SOURCE, record.guestLocation(), record::toString);
      assertEquals(LifeCycle.RUNNING, north.guests().lifeCycle(GUEST));
    }
  }

  @Test
  void sessionsWhoseDigestsDifferAreAFailure() throws Exception {
    north.script().digest = "00000000deadbeef";
    try (NodeProcess south = NodeProcess.start("south", directory, GUEST, false, north.address())) {
      assertNotNull(south.address());
      awaitNodes(north, n -> n.holdersOf(GUEST).size() == 1);

      MigrationRecord record = ending(follow(north, accepted(north, "north")));

      assertEquals(MigrationOutcome.FAILED, record.outcome(), record::toString);
      assertEquals(GuestLocation.DESTINATION, record.guestLocation());
    }
  }
}
