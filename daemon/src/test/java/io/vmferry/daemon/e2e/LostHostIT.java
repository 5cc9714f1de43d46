package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.e2e.WireProxy.Action;
import io.vmferry.daemon.e2e.WireProxy.Trap;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.wire.Command;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A node process that is killed in the middle of a migration. */
@RequiresKvm
@RequiresUffd
@Timeout(300)
class LostHostIT {
  private static final String GUEST = "guest";

  private static final String WATCHFUL = "vmferry.migration.dead-peer-timeout=2s";

  @TempDir private Path directory;

  @Test
  void aKilledDestinationLeavesTheGuestOnTheSource() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory)) {
      killDestination(
          nodes, "precopy", true, Trap.at(Command.STATE, 1, Action.HOLD), GuestLocation.SOURCE);
      nodes.assertRunsOn(nodes.source(), GUEST);
    }
  }

  /** Of version 0, where the end of a dead process looks like that of one that has every page. */
  @Test
  void aDestinationThatIsKilledInPostcopyIsNoSuccess() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory)) {
      killDestination(
          nodes,
          "postcopy",
          false,
          Trap.at(Command.PAGE_FAULT, 2000, Action.HOLD),
          GuestLocation.DESTINATION);
      assertEquals("handed-over", nodes.source().client().vm(GUEST).state());
    }
  }

  /** In the middle of a migration, whose source must fail and say where the guest is. */
  private static void killDestination(
      TwoNodes nodes, String mode, boolean extensions, Trap moment, GuestLocation guest)
      throws Exception {
    nodes.boot(GUEST, 2);
    MigrationView receiving = nodes.receive(mode);
    try (WireProxy proxy = new WireProxy(receiving.url(), moment)) {
      MigrationView sending = nodes.send(GUEST, TwoNodes.options(proxy.url(), mode, extensions));
      proxy.awaitSprung();

      nodes.destination().kill();
      proxy.release();

      MigrationView departure = nodes.departure(sending);
      assertEquals("failed", departure.state(), departure::toString);
      assertEquals(guest, Objects.requireNonNull(departure.problem()).guestLocation());
    }
  }

  @Test
  void aKilledSourceLeavesNothingOnTheDestination() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory)) {
      nodes.boot(GUEST, 2);
      MigrationView receiving = nodes.receive("precopy");
      try (WireProxy proxy =
          new WireProxy(receiving.url(), Trap.at(Command.STATE, 1, Action.HOLD))) {
        nodes.send(GUEST, proxy.url(), "precopy");
        proxy.awaitSprung();

        nodes.source().kill();
      }
      assertEquals("failed", nodes.arrival(receiving).state());
      nodes.assertAbsent(nodes.destination(), GUEST);
    }
  }

  @Test
  void aDestinationThatHangsLeavesTheGuestOnTheSource() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory, WATCHFUL)) {
      nodes.boot(GUEST, 2);
      MigrationView receiving = nodes.receive("precopy");
      try (WireProxy proxy =
          new WireProxy(receiving.url(), Trap.at(Command.STATE, 1, Action.HOLD))) {
        MigrationView sending = nodes.send(GUEST, proxy.url(), "precopy");
        proxy.awaitSprung();

        nodes.destination().freeze();

        MigrationView departure = nodes.departure(sending);
        Problem problem = Objects.requireNonNull(departure.problem());
        assertEquals(GuestLocation.SOURCE, problem.guestLocation());
        assertTrue(problem.message().contains("no sign of life"), problem::message);
        nodes.destination().thaw();
      }
      nodes.assertRunsOn(nodes.source(), GUEST);
      assertEquals("failed", nodes.arrival(receiving).state());
      nodes.assertAbsent(nodes.destination(), GUEST);
    }
  }

  @Test
  void aPostcopyGoesOnOnceASourceThatHungIsBack() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory, WATCHFUL)) {
      nodes.boot(GUEST, 2);
      MigrationView receiving = nodes.receive("postcopy");
      try (WireProxy proxy =
          new WireProxy(receiving.url(), Trap.at(Command.MEMORY, 3, Action.HOLD))) {
        MigrationView sending = nodes.send(GUEST, proxy.url(), "postcopy");
        proxy.awaitSprung();

        nodes.source().freeze();
        Patience.until(
            60,
            () -> nodes.destination().log().contains("waits for its source"),
            () -> nodes.destination().log());
        nodes.source().thaw();

        MigrationView departure = nodes.departure(sending);
        MigrationView arrival = nodes.arrival(receiving);
        assertEquals("completed", departure.state(), departure::toString);
        assertEquals(
            Objects.requireNonNull(departure.summary()).memoryDigest(),
            Objects.requireNonNull(arrival.summary()).memoryDigest());
      }
      nodes.assertRunsOn(nodes.destination(), GUEST);
    }
  }
}
