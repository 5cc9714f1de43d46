package io.vmferry.daemon.e2e;

import static io.vmferry.daemon.e2e.TwoNodes.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.e2e.WireProxy.Action;
import io.vmferry.daemon.e2e.WireProxy.Trap;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.wire.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Migrations that are cancelled, refused, cut or kept waiting at every message: the guest runs in
 * exactly one place, whole, and the error says where.
 */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class FailureIT {
  // The standard guest's working set begins here; byte 0 of a page is its page number.
  private static final long WORKING_SET = 4 * MIB;
  private static final String GUEST = "guest";

  @TempDir private static Path directory;
  private static TwoNodes nodes;

  @BeforeAll
  static void start() throws Exception {
    nodes =
        TwoNodes.start(
            directory,
            "vmferry.migration.answer-timeout=4s",
            "vmferry.migration.dead-peer-timeout=2s");
  }

  @AfterAll
  static void stop() throws Exception {
    if (nodes != null) {
      nodes.close();
    }
  }

  @AfterEach
  void delete() throws IOException {
    nodes.delete(GUEST);
  }

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({
    "precopy, START, 1",
    "precopy, CONFIG, 1",
    "precopy, MEMORY, 1",
    "precopy, MEMORY, 2",
    "precopy, STATE, 1",
    "postcopy, CONFIG, 1",
    "postcopy, STATE, 1"
  })
  void aCancelLeavesTheGuestOnTheSource(String mode, Command command, int nth) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), mode);
      proxy.awaitSprung();

      nodes.source().client().cancelMigration(sending.id());
      proxy.release();

      assertEquals("cancelled", nodes.departure(sending).state());
    }
    assertStayed(receiving);
  }

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({"precopy, MEMORY, 1", "precopy, STATE, 1", "postcopy, STATE, 1"})
  void aCancelOnTheDestinationLeavesTheGuestOnTheSource(String mode, Command command, int nth)
      throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), mode);
      proxy.awaitSprung();

      nodes.destination().client().cancelMigration(receiving.id());
      assertEquals("cancelled", nodes.arrival(receiving).state());
      proxy.release();

      assertLocation(GuestLocation.SOURCE, nodes.departure(sending));
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  @Test
  void aDestinationThatWaitsForASourceCanBeCancelled() throws Exception {
    MigrationView receiving = nodes.receive("precopy");

    nodes.destination().client().cancelMigration(receiving.id());

    assertEquals("cancelled", nodes.arrival(receiving).state());
  }

  @Test
  void aCancelAfterTheHandoverIsTooLate() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();

      nodes.source().client().cancelMigration(sending.id());
      proxy.release();

      TwoNodes.assertMoved(nodes.departure(sending), nodes.arrival(receiving));
    }
    nodes.assertRunsOn(nodes.destination(), GUEST);
    nodes.assertAbsent(nodes.source(), GUEST);
  }

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({
    "precopy, START, 1",
    "precopy, CONFIG, 1",
    "precopy, MEMORY, 1",
    "precopy, STATE, 1",
    "precopy, COMPLETE, 1",
    "postcopy, STATE, 1",
    "postcopy, COMPLETE, 1"
  })
  void aRefusalLeavesTheGuestOnTheSource(String mode, Command command, int nth) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.REFUSE))) {
      MigrationView departure = nodes.departure(nodes.send(GUEST, proxy.url(), mode));

      assertLocation(GuestLocation.SOURCE, departure);
      assertEquals("PEER_REFUSED", Objects.requireNonNull(departure.problem()).code());
    }
    assertStayed(receiving);
  }

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({
    "precopy, START, 1",
    "precopy, CONFIG, 1",
    "precopy, MEMORY, 1",
    "precopy, MEMORY, 2",
    "precopy, STATE, 1",
    "postcopy, CONFIG, 1",
    "postcopy, STATE, 1"
  })
  void aPeerThatVanishesBeforeTheHandoverLeavesTheGuestOnTheSource(
      String mode, Command command, int nth) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.CUT))) {
      assertLocation(GuestLocation.SOURCE, nodes.departure(nodes.send(GUEST, proxy.url(), mode)));
    }
    assertStayed(receiving);
  }

  @ParameterizedTest(name = "{0} at {1}")
  @CsvSource({
    "precopy, START",
    "precopy, CONFIG",
    "precopy, MEMORY",
    "precopy, STATE",
    "postcopy, STATE"
  })
  void aPeerThatNeverAnswersLeavesTheGuestOnTheSource(String mode, Command command)
      throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, 1, Action.HOLD))) {
      MigrationView departure = nodes.departure(nodes.send(GUEST, proxy.url(), mode));

      assertLocation(GuestLocation.SOURCE, departure);
      assertEquals("PEER_SILENT", Objects.requireNonNull(departure.problem()).code());
    }
    assertStayed(receiving);
  }

  @Test
  void aLostAnswerToCompleteLeavesTheGuestRunningOnTheDestinationOnly() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.LOSE_ANSWER))) {
      assertLocation(
          GuestLocation.UNKNOWN, nodes.departure(nodes.send(GUEST, plain(proxy, "precopy"))));
    }
    assertEquals("handover-unknown", nodes.source().client().vm(GUEST).state());
    nodes.assertRunsOn(nodes.destination(), GUEST);
  }

  @Test
  void aCompleteThatNeverArrivesLeavesTheGuestPausedOnTheSource() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.CUT))) {
      assertLocation(
          GuestLocation.UNKNOWN, nodes.departure(nodes.send(GUEST, plain(proxy, "precopy"))));
    }
    assertEquals("handover-unknown", nodes.source().client().vm(GUEST).state());
    assertEquals("failed", nodes.arrival(receiving).state());
    nodes.assertAbsent(nodes.destination(), GUEST);

    assertThrows(NodeException.class, () -> nodes.source().client().resume(GUEST));
    assertEquals("running", nodes.source().client().takeOver(GUEST).state());
    nodes.assertRunsOn(nodes.source(), GUEST);
  }

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy"})
  void aSourceThatLostTheAnswerToCompleteHearsThatTheGuestHasMoved(String mode) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.LOSE_ANSWER))) {
      assertMoved(receiving, nodes.departure(nodes.send(GUEST, proxy.url(), mode)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy"})
  void aSourceWhoseCompleteWasLostHearsThatTheGuestIsItsOwn(String mode) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.CUT))) {
      assertLocation(GuestLocation.SOURCE, nodes.departure(nodes.send(GUEST, proxy.url(), mode)));
    }
    assertStayed(receiving);
  }

  @ParameterizedTest(name = "at {0} {1}")
  @CsvSource({"MEMORY, 3", "PAGE_FAULT, 1", "PUSHED, 1"})
  void aPostcopyThatBreaksGoesOnOverNewConnections(Command command, int nth) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.CUT))) {
      assertMoved(receiving, nodes.departure(nodes.send(GUEST, slowPostcopy(proxy))));
      proxy.awaitSprung();
      assertTrue(proxy.seen(Command.IDENTIFY) > 1, "nothing broke");
    }
  }

  /** Slow enough that the guest runs and demands pages before all have been pushed. */
  private static SendMigrationRequest slowPostcopy(WireProxy proxy) {
    return TwoNodes.request(proxy.url(), "postcopy").bandwidth(32 * MIB).build();
  }

  @ParameterizedTest(name = "at {0} {1}")
  @CsvSource({"MEMORY, 3", "PAGE_FAULT, 1", "PUSHED, 1", "FILLED, 1"})
  void aPostcopyWithOneSilentConnectionGoesOn(Command command, int nth) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.HOLD))) {
      assertMoved(receiving, nodes.departure(nodes.send(GUEST, slowPostcopy(proxy))));
      proxy.awaitSprung();
    }
  }

  @Test
  void aDestinationThatIsWholeNeedsNoLastWord() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(Command.FILLED, 1, Action.CUT))) {
      assertMoved(receiving, nodes.departure(nodes.send(GUEST, proxy.url(), "postcopy")));
    }
  }

  /** Completed on both sides, the same memory, and the guest runs in one place. */
  private static void assertMoved(MigrationView receiving, MigrationView departure)
      throws IOException, InterruptedException {
    assertEquals("completed", departure.state(), departure::toString);
    MigrationView arrival = nodes.arrival(receiving);
    assertEquals("completed", arrival.state(), arrival::toString);
    assertEquals(digest(departure), digest(arrival));
    nodes.assertAbsent(nodes.source(), GUEST);
    nodes.assertRunsOn(nodes.destination(), GUEST);
  }

  /** Of the base protocol, which does not recover. */
  private static SendMigrationRequest plain(WireProxy proxy, String mode) {
    return TwoNodes.options(proxy.url(), mode, false);
  }

  @Test
  void aPostcopyThatBreaksKeepsEveryPageOnTheSource() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.PAGE_FAULT, 8000, Action.CUT))) {
      assertLocation(
          GuestLocation.DESTINATION, nodes.departure(nodes.send(GUEST, plain(proxy, "postcopy"))));
    }
    assertLocation(GuestLocation.DESTINATION, nodes.arrival(receiving));
    assertEquals("handed-over", nodes.source().client().vm(GUEST).state());
    NodeException refused =
        assertThrows(NodeException.class, () -> nodes.source().client().resume(GUEST));
    assertEquals("WRONG_STATE", refused.problem().code());
    // Its vCPUs wait for pages; deleting it must end them all the same.
    assertEquals("migrating", nodes.destination().client().vm(GUEST).state());
    nodes.delete(GUEST);
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  @Test
  void aFlippedByteIsCaughtByTheDigestAndByTheGuest() throws Exception {
    nodes.boot(GUEST, 2);
    nodes.source().client().pause(GUEST);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.flip(WORKING_SET))) {
      MigrationView departure = nodes.departure(nodes.send(GUEST, proxy.url(), "precopy"));
      MigrationView arrival = nodes.arrival(receiving);

      assertEquals(1, proxy.flips());
      assertNotEquals(digest(departure), digest(arrival));
    }
    nodes.destination().client().resume(GUEST);
    assertGuestNotices();
  }

  @ParameterizedTest(name = "extensions {0}")
  @ValueSource(booleans = {false, true})
  void aByteFlippedInPostcopyIsCaughtByTheDigestAndByTheGuest(boolean extensions) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.flip(WORKING_SET))) {
      MigrationView departure =
          nodes.departure(nodes.send(GUEST, TwoNodes.options(proxy.url(), "postcopy", extensions)));
      MigrationView arrival = nodes.arrival(receiving);

      // A page that is demanded while it is pushed passes twice, and only one copy is taken.
      assertTrue(extensions ? proxy.flips() >= 1 : proxy.flips() == 1);
      assertNotEquals(digest(departure), digest(arrival));
    }
    assertGuestNotices();
  }

  @ParameterizedTest(name = "{0} at {1}")
  @CsvSource({"CUT, DISCARD", "REFUSE, DISCARD", "HOLD, DISCARD", "CUT, STATE", "REFUSE, COMPLETE"})
  void aHybridThatFailsBeforeTheHandoverLeavesTheGuestOnTheSource(Action action, Command command)
      throws Exception {
    bootTooBusy();
    MigrationView receiving = nodes.receive("hybrid");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, 1, action))) {
      MigrationView departure =
          nodes.departure(nodes.send(GUEST, slow(proxy.url(), "hybrid", "cancel")));

      assertLocation(GuestLocation.SOURCE, departure);
    }
    assertStayed(receiving);
  }

  @Test
  void aHybridThatBreaksInPostcopyGoesOnOverNewConnections() throws Exception {
    bootTooBusy();
    MigrationView receiving = nodes.receive("hybrid");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.PAGE_FAULT, 3, Action.CUT))) {
      assertMoved(
          receiving, nodes.departure(nodes.send(GUEST, slow(proxy.url(), "hybrid", "cancel"))));
      assertTrue(proxy.seen(Command.IDENTIFY) > 1, "nothing broke");
    }
  }

  /** Two rounds carry the byte, one of them what the guest wrote since, and postcopy the last. */
  @Test
  void aByteFlippedInHybridIsCaughtByTheDigestAndByTheGuest() throws Exception {
    bootTooBusy();
    MigrationView receiving = nodes.receive("hybrid");
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.flip(WORKING_SET))) {
      MigrationView departure =
          nodes.departure(nodes.send(GUEST, slow(proxy.url(), "hybrid", "cancel")));

      assertNotEquals(digest(departure), digest(nodes.arrival(receiving)));
    }
    assertGuestNotices();
  }

  @Test
  void theTimeoutStrategyCancelGivesUpAndTheGuestStays() throws Exception {
    bootTooBusy();
    MigrationView receiving = nodes.receive("precopy");

    MigrationView departure =
        nodes.departure(nodes.send(GUEST, slow(receiving.url(), "precopy", "cancel")));

    assertLocation(GuestLocation.SOURCE, departure);
    assertEquals("NOT_CONVERGED", Objects.requireNonNull(departure.problem()).code());
    assertStayed(receiving);
  }

  @Test
  void theTimeoutStrategyIgnoreSwitchesOver() throws Exception {
    bootTooBusy();
    MigrationView receiving = nodes.receive("precopy");

    MigrationView departure =
        nodes.departure(nodes.send(GUEST, slow(receiving.url(), "precopy", "ignore")));

    TwoNodes.assertMoved(departure, nodes.arrival(receiving));
    nodes.assertRunsOn(nodes.destination(), GUEST);
    nodes.assertAbsent(nodes.source(), GUEST);
  }

  /** Dirties its working set faster than {@link #slow} lets it be sent. */
  private static void bootTooBusy() throws IOException, InterruptedException {
    nodes.boot(GUEST, 2, 64 * MIB, "4K", 0);
  }

  /** Without auto-converge, which would slow the guest down until it fits. */
  private static SendMigrationRequest slow(String url, String mode, String strategy) {
    return TwoNodes.request(url, mode)
        .downtimeMs(20)
        .timeout(2, strategy)
        .bandwidth(8 * MIB)
        .autoConverge(false)
        .build();
  }

  /** The guest goes on here as before; the destination has thrown away what it got. */
  private static void assertStayed(MigrationView receiving)
      throws IOException, InterruptedException {
    MigrationView arrival = nodes.arrival(receiving);
    assertNotEquals("completed", arrival.state());
    nodes.assertRunsOn(nodes.source(), GUEST);
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  private static void assertLocation(GuestLocation location, MigrationView view) {
    Problem problem = view.problem();
    assertTrue(problem != null, view::toString);
    assertEquals(location, problem.guestLocation(), view::toString);
  }

  private static String digest(MigrationView view) {
    return Objects.requireNonNull(
        Objects.requireNonNull(view.summary(), view::toString).memoryDigest());
  }

  private static void assertGuestNotices() throws IOException, InterruptedException {
    Patience.until(
        120,
        () -> {
          var guest = nodes.destination().client().vm(GUEST).guest();
          return guest != null && guest.mismatches() > 0;
        },
        () -> "the guest saw nothing: " + nodes.destination().log());
  }
}
