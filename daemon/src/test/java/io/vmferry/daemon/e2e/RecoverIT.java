package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
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

/** What {@code migrate --recover} does to a migration that its source has given up. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class RecoverIT {
  private static final String GUEST = "guest";

  @TempDir private static Path directory;
  private static TwoNodes nodes;

  @BeforeAll
  static void start() throws Exception {
    nodes =
        TwoNodes.start(
            directory,
            "vmferry.migration.answer-timeout=3s",
            "vmferry.migration.dead-peer-timeout=2s",
            "vmferry.migration.recovery-patience=2s");
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

  private static String refusal() {
    NodeException refused =
        assertThrows(NodeException.class, () -> nodes.source().client().recover(GUEST));
    return refused.problem().message();
  }

  /** Until it goes on: attempts of before may still wait for a destination that hung. */
  private static void recover() throws IOException, InterruptedException {
    Patience.until(
        60,
        () -> {
          try {
            nodes.source().client().recover(GUEST);
            return true;
          } catch (NodeException e) {
            return e.status() == 404 || e.problem().message().contains("is running");
          }
        },
        () -> nodes.source().log());
  }

  @Test
  void aPostcopyThatWasGivenUpGoesOn() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("postcopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.MEMORY, 1, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), "postcopy");
      proxy.awaitSprung();
      assertTrue(refusal().contains("is not broken"), RecoverIT::refusal);

      nodes.destination().freeze();
      MigrationView departure = nodes.departure(sending);
      assertEquals(
          GuestLocation.DESTINATION,
          Objects.requireNonNull(departure.problem()).guestLocation(),
          departure::toString);
      assertTrue(refusal().contains("cannot be asked"), RecoverIT::refusal);
      Patience.until(
          60,
          () -> nodes.source().client().vm(GUEST).state().equals("handed-over"),
          () -> nodes.source().log());
      nodes.destination().thaw();
      proxy.release();

      recover();

      assertEquals("completed", nodes.arrival(receiving).state());
      nodes.assertAbsent(nodes.source(), GUEST);
    }
    nodes.assertRunsOn(nodes.destination(), GUEST);
  }

  @Test
  void aGuestOfWhichNobodyKnewIsGivenBackOnceTheDestinationAnswers() throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive("precopy");
    try (WireProxy proxy =
        new WireProxy(receiving.url(), Trap.at(Command.COMPLETE, 1, Action.HOLD))) {
      MigrationView sending = nodes.send(GUEST, proxy.url(), "precopy");
      proxy.awaitSprung();
      nodes.destination().freeze();
      MigrationView departure = nodes.departure(sending);
      assertEquals(
          GuestLocation.UNKNOWN,
          Objects.requireNonNull(departure.problem()).guestLocation(),
          departure::toString);
      nodes.destination().thaw();

      recover();
    }
    nodes.assertRunsOn(nodes.source(), GUEST);
    nodes.assertAbsent(nodes.destination(), GUEST);
  }

  @Test
  void aGuestThatDoesNotMoveHasNothingToRecover() throws Exception {
    nodes.boot(GUEST, 1);

    assertTrue(refusal().contains("is running"), RecoverIT::refusal);
  }
}
