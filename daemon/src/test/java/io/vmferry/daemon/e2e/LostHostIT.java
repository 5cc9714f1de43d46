package io.vmferry.daemon.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
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

  @TempDir private Path directory;

  @Test
  void aKilledDestinationLeavesTheGuestOnTheSource() throws Exception {
    try (TwoNodes nodes = TwoNodes.start(directory)) {
      nodes.boot(GUEST, 2);
      MigrationView receiving = nodes.receive("precopy");
      try (WireProxy proxy =
          new WireProxy(receiving.url(), Trap.at(Command.STATE, 1, Action.HOLD))) {
        MigrationView sending = nodes.send(GUEST, proxy.url(), "precopy");
        proxy.awaitSprung();

        nodes.destination().kill();
        proxy.release();

        MigrationView departure = nodes.departure(sending);
        assertEquals("failed", departure.state(), departure::toString);
        assertEquals(
            GuestLocation.SOURCE, Objects.requireNonNull(departure.problem()).guestLocation());
      }
      nodes.assertRunsOn(nodes.source(), GUEST);
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
}
