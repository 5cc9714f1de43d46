package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.VmView;
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

/**
 * A node process that ends in the middle of a migration and is started anew with the same
 * directory: it knows what became of its guests, and no guest runs twice.
 */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class RestartIT {
  private static final String GUEST = "guest";
  private static final long PATIENCE_SECONDS = 60;

  @TempDir private static Path directory;
  private static TwoNodes nodes;

  @BeforeAll
  static void start() throws Exception {
    nodes =
        TwoNodes.start(
            directory,
            "vmferry.migration.answer-timeout=4s",
            "vmferry.migration.dead-peer-timeout=3s");
  }

  @AfterAll
  static void stop() {
    if (nodes != null) {
      nodes.close();
    }
  }

  @AfterEach
  void delete() throws IOException {
    nodes.delete(GUEST);
  }

  private static VmView await(NodeJvm node, String state) throws IOException, InterruptedException {
    Patience.until(
        PATIENCE_SECONDS,
        () -> state(node).equals(state),
        () -> GUEST + " is not " + state + " on " + node.name() + ":\n" + node.log());
    return node.client().vm(GUEST);
  }

  /** What {@code vm list} says. */
  private static String state(NodeJvm node) throws IOException {
    return node.client().listVms().vms().stream()
        .filter(vm -> vm.name().equals(GUEST))
        .map(VmView::state)
        .findFirst()
        .orElse("absent");
  }

  private static void assertNote(VmView vm, String part) {
    assertTrue(Objects.requireNonNull(vm.note()).contains(part), vm::toString);
  }

  // The source ends.

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({"precopy, CONFIG, 1", "precopy, MEMORY, 2", "postcopy, STATE, 1"})
  void aSourceKilledBeforeTheHandoverSaysThatItsGuestIsLost(String mode, Command command, int nth)
      throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.HOLD))) {
      nodes.send(GUEST, proxy.url(), mode);
      proxy.awaitSprung();

      nodes.source().kill();
      proxy.release();
      assertEquals("failed", nodes.arrival(receiving).state());
      nodes.restartSource();

      assertNote(await(nodes.source(), "lost"), "memory ended with it");
    }
    assertTrue(nodes.source().log().contains("VM guest: "), nodes.source()::log);
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  @Test
  void aSourceKilledBeforeCompleteArrivedLearnsThatTheGuestWasNotTaken() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD))) {
      nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();

      nodes.source().kill();
      nodes.restartSource();

      assertNote(await(nodes.source(), "lost"), "has not taken it");
    }
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  @Test
  void aSourceKilledBeforeTheAnswerLearnsThatTheGuestIsOnTheDestination() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD_ANSWER))) {
      nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();

      nodes.source().kill();
      nodes.restartSource();

      assertNote(await(nodes.source(), "handed-over"), proxy.url());
    }
    nodes.assertRunsOn(nodes.destination(), GUEST);
    assertEquals(1L, nodes.source().client().vm(GUEST).generation());
    assertEquals(2L, nodes.destination().client().vm(GUEST).generation());
  }

  @Test
  void aGuestOfWhichNobodyKnowsKeepsItsNameUntilItIsDeleted() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD))) {
      nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();

      nodes.source().kill();
      nodes.destination().freeze();
      nodes.restartSource();

      assertNote(await(nodes.source(), "handover-unknown"), "'vmferry vm delete guest'");
      CreateVmRequest same =
          new CreateVmRequest(
              GUEST,
              1,
              16 * TwoNodes.MIB,
              "4K",
              new GuestConfig("idle", null, null, null, null, null, null));
      NodeException refused =
          assertThrows(NodeException.class, () -> nodes.source().client().createVm(same));
      assertEquals("NAME_TAKEN", refused.problem().code());
      assertThrows(NodeException.class, () -> nodes.source().client().boot(GUEST));
      assertThrows(NodeException.class, () -> nodes.source().client().takeOver(GUEST));

      nodes.source().client().deleteVm(GUEST);
      assertEquals("created", nodes.source().client().createVm(same).state());
    } finally {
      nodes.destination().thaw();
    }
  }

  @Test
  void aSourceKilledInPostcopyKnowsThatTheGuestHasMoved() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.MEMORY, 1, Action.HOLD))) {
      nodes.send(GUEST, proxy.url(), "postcopy");
      proxy.awaitSprung();

      nodes.source().kill();
      nodes.restartSource();

      assertNote(await(nodes.source(), "handed-over"), "cancel its migration there");
    }
    assertEquals("migrating", state(nodes.destination()));
    giveUp(receiving);
  }

  @Test
  void aSourceToldToStopInPostcopyEndsInTimeAndKnowsThatTheGuestHasMoved() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.MEMORY, 1, Action.HOLD))) {
      nodes.send(GUEST, proxy.url(), "postcopy");
      proxy.awaitSprung();
      // Or the source finds another way for the pages while it stops.
      nodes.destination().freeze();

      nodes.restartSource();

      assertNote(await(nodes.source(), "handed-over"), "cancel its migration there");
      nodes.destination().thaw();
    }
    giveUp(receiving);
  }

  /** A destination can once it has noticed that its source is gone. */
  private static void giveUp(MigrationView receiving) throws IOException, InterruptedException {
    Patience.until(
        PATIENCE_SECONDS,
        () -> phase(receiving).equals("recovering"),
        () -> nodes.destination().log());
    nodes.destination().client().cancelMigration(receiving.id());
    assertEquals("failed", nodes.arrival(receiving).state());
  }

  private static String phase(MigrationView receiving) throws IOException {
    ProgressView progress = nodes.destination().client().migration(receiving.id()).progress();
    return progress == null ? "" : progress.phase();
  }

  @Test
  void aNodeToldToStopKnowsThatItsGuestsEndedWithIt() throws Exception {
    nodes.boot(GUEST, 1);

    nodes.restartSource();

    assertNote(await(nodes.source(), "lost"), "told to stop");
  }

  // The destination ends.

  @ParameterizedTest(name = "{0} at {1} {2}")
  @CsvSource({"precopy, MEMORY, 2", "precopy, STATE, 1"})
  void aDestinationKilledBeforeTheHandoverHasNoGuest(String mode, Command command, int nth)
      throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, nth, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), mode);
      proxy.awaitSprung();

      nodes.destination().kill();
      nodes.restartDestination();
      proxy.release();

      assertEquals("failed", nodes.departure(sending).state());
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertEquals("absent", state(nodes.destination()));
  }

  @Test
  void aDestinationThatHadNotGotCompleteGivesTheGuestBackOnceItIsStartedAnew() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();

      nodes.destination().kill();
      proxy.release();
      nodes.restartDestination();

      MigrationView departure = nodes.departure(sending);
      assertEquals(
          GuestLocation.SOURCE,
          Objects.requireNonNull(departure.problem()).guestLocation(),
          departure::toString);
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertEquals("absent", state(nodes.destination()));
  }

  @ParameterizedTest
  @CsvSource({"precopy, COMPLETE, HOLD_ANSWER", "postcopy, MEMORY, HOLD"})
  void aGuestThatEndedOnTheDestinationGoesOnNowhereByItself(
      String mode, Command command, Action action) throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), Trap.at(command, 1, action))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), mode);
      proxy.awaitSprung();

      nodes.destination().kill();
      proxy.release();
      nodes.restartDestination();

      MigrationView departure = nodes.departure(sending);
      assertEquals(
          GuestLocation.UNKNOWN,
          Objects.requireNonNull(departure.problem()).guestLocation(),
          departure::toString);
    }
    assertNote(await(nodes.destination(), "lost"), "memory ended with it");
    assertNote(await(nodes.source(), "handover-unknown"), "--take-over");
    nodes.source().client().takeOver(GUEST);
    nodes.assertRunsOn(nodes.source(), GUEST);
    assertEquals(3L, nodes.source().client().vm(GUEST).generation());
  }
}
