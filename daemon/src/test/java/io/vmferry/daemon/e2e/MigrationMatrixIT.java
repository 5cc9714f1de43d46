package io.vmferry.daemon.e2e;

import static io.vmferry.daemon.e2e.TwoNodes.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real guests between two node processes: modes, vCPUs, page sizes, running and paused. */
@RequiresKvm
@RequiresUffd
@Timeout(600)
class MigrationMatrixIT {
  @TempDir private static Path directory;
  private static TwoNodes nodes;

  @BeforeAll
  static void start() throws Exception {
    nodes = TwoNodes.start(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    if (nodes != null) {
      nodes.close();
    }
  }

  @ParameterizedTest(name = "{0}, {1} vCPUs, {2} pages")
  @CsvSource({
    "precopy, 1, 4K",
    "precopy, 2, 4K",
    "precopy, 4, 4K",
    "postcopy, 1, 4K",
    "postcopy, 2, 4K",
    "postcopy, 4, 4K",
    "hybrid, 2, 4K",
    "hybrid, 2, 2M",
    "local, 1, 4K",
    "local, 2, 4K",
    "local, 4, 4K",
    "precopy, 2, 2M",
    "postcopy, 2, 2M",
    "local, 2, 2M",
    "precopy, 1, 1G",
    "postcopy, 1, 1G",
    "local, 1, 1G"
  })
  void movesARunningGuest(String mode, int cpus, String pages) throws Exception {
    long bytes = pages.equals("1G") ? 1024 * MIB : 64 * MIB;
    PageSize size = PageSize.parse(pages);
    if (size.isHuge()) {
      long needed = 2 * bytes / size.bytes();
      try (HugepageReservation reserved = HugepageReservation.of(size, needed)) {
        assumeTrue(
            reserved.isMet() || !pages.equals("1G"),
            "this machine cannot reserve " + needed + " pages of " + pages);
        moves(mode, cpus, pages, bytes, true);
      }
    } else {
      moves(mode, cpus, pages, bytes, true);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy", "hybrid", "local"})
  void movesAPausedGuestAndLeavesItPaused(String mode) throws Exception {
    moves(mode, 2, "4K", 64 * MIB, false);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void sendsMemoryOverSeveralConnections(int connections) throws Exception {
    nodes.boot("wide", 2);
    MigrationView receiving = nodes.receive("precopy");

    MigrationView departure =
        nodes.departure(
            nodes.send(
                "wide",
                SendMigrationRequest.to(receiving.url(), "precopy")
                    .connections(connections)
                    .timeout(60, "ignore")
                    .verify(true)
                    .build()));

    TwoNodes.assertMoved(departure, nodes.arrival(receiving));
    nodes.assertRunsOn(nodes.destination(), "wide");
    nodes.delete("wide");
  }

  @ParameterizedTest(name = "{0} connections, extensions {1}")
  @CsvSource({"1, false", "4, true"})
  void postcopyWithoutExtensionsAndOverSeveralConnections(int connections, boolean extensions)
      throws Exception {
    nodes.boot("filled", 2);
    MigrationView receiving = nodes.receive("postcopy");

    MigrationView departure =
        nodes.departure(
            nodes.send(
                "filled",
                SendMigrationRequest.to(receiving.url(), "postcopy")
                    .connections(connections)
                    .timeout(60, "ignore")
                    .verify(true)
                    .extensions(extensions)
                    .build()));

    TwoNodes.assertMoved(departure, nodes.arrival(receiving));
    nodes.assertRunsOn(nodes.destination(), "filled");
    nodes.delete("filled");
  }

  @Test
  void aGuestGoesBackAndForthTwentyTimes() throws Exception {
    nodes.boot("shuttle", 2);

    for (int i = 0; i < 20; i++) {
      boolean there = i % 2 == 0;
      NodeJvm from = there ? nodes.source() : nodes.destination();
      NodeJvm to = there ? nodes.destination() : nodes.source();
      String mode = List.of("precopy", "postcopy", "hybrid").get(i % 3);
      MigrationView started =
          from.client()
              .migrate(
                  new MigrateRequest(
                      "shuttle", to.name(), mode, 1, 0, 300, 60, "ignore", true, null, null));
      MigrationView end = from.client().awaitFinal(started.id(), TwoNodes.LIMIT);

      assertEquals("completed", end.state(), end::toString);
      assertTrue(Objects.requireNonNull(Objects.requireNonNull(end.summary()).digestsMatch()));
      nodes.assertRunsOn(to, "shuttle");
      nodes.assertAbsent(from, "shuttle");
    }
    nodes.delete("shuttle");
  }

  @Test
  void theOrchestratorPassesASwitchToPostcopyOn() throws Exception {
    GuestConfig filled = new GuestConfig("idle", null, null, "random", null, null, null);
    NodeClient source = nodes.source().client();
    source.createVm(new CreateVmRequest("told", 1, 64 * MIB, "4K", filled));
    source.boot("told");
    String id =
        source
            .migrate(
                new MigrateRequest(
                    "told",
                    nodes.destination().name(),
                    "hybrid",
                    1,
                    16 * MIB,
                    300,
                    60,
                    "cancel",
                    true,
                    "off",
                    null))
            .id();
    Patience.until(
        60,
        () -> {
          ProgressView progress = source.migration(id).progress();
          return progress != null && progress.bytesSent() > 8 * MIB;
        },
        () -> "nothing is sent:\n" + nodes.source().log());

    // Any node takes it: the orchestrator runs the migration.
    nodes.destination().client().switchToPostcopy(id);
    MigrationView end = source.awaitFinal(id, TwoNodes.LIMIT);

    assertEquals("completed", end.state(), end::toString);
    SummaryView summary = Objects.requireNonNull(end.summary());
    assertTrue(Objects.requireNonNull(summary.digestsMatch()), summary::toString);
    assertEquals(1, summary.rounds());
    assertTrue(summary.bytesSent() < 66 * MIB, summary::toString);
    assertTrue(
        Objects.requireNonNull(summary.fullMs()) > Objects.requireNonNull(summary.resumeMs()) + 500,
        summary::toString);
    nodes.delete("told");
  }

  @Test
  void aPostcopyDestinationRunsBeforeItHasTheMemory() throws Exception {
    // Every page is touched, so that there is much to fetch.
    nodes.boot("early", 2, 512 * MIB, "4K", 4 * MIB);
    MigrationView receiving = nodes.receive("postcopy");

    SummaryView left =
        Objects.requireNonNull(
            nodes.departure(nodes.send("early", receiving.url(), "postcopy")).summary());
    SummaryView arrived = Objects.requireNonNull(nodes.arrival(receiving).summary());

    System.out.printf(
        "postcopy of 512 MiB: the guest ran on the destination %.1f ms after the pause,"
            + " the last page was there after %.1f ms; %d demand faults, p50 %d us, p99 %d us%n",
        left.resumeMs(),
        left.fullMs(),
        arrived.faultsServed(),
        arrived.faultP50Us(),
        arrived.faultP99Us());
    assertTrue(left.resumeMs() < left.fullMs(), left::toString);
    assertTrue(arrived.resumeMs() < arrived.fullMs(), arrived::toString);
    assertTrue(arrived.faultsServed() > 0, arrived::toString);
    nodes.assertRunsOn(nodes.destination(), "early");
    nodes.delete("early");
  }

  private static void moves(String mode, int cpus, String pages, long bytes, boolean running)
      throws IOException, InterruptedException {
    nodes.boot("guest", cpus, bytes, pages, 16 * MIB);
    if (!running) {
      nodes.source().client().pause("guest");
    }
    String url =
        mode.equals("local") ? "unix:" + directory.resolve("handover.sock") : "tcp:127.0.0.1:0";
    MigrationView receiving = nodes.receive(mode, url);

    MigrationView departure = nodes.departure(nodes.send("guest", receiving.url(), mode));
    MigrationView arrival = nodes.arrival(receiving);

    TwoNodes.assertMoved(departure, arrival);
    if (!running) {
      assertEquals("paused", nodes.destination().client().vm("guest").state());
      assertFalse(Objects.requireNonNull(arrival.summary()).guestRunningOnDestination());
      nodes.destination().client().resume("guest");
    }
    nodes.assertRunsOn(nodes.destination(), "guest");
    nodes.assertAbsent(nodes.source(), "guest");
    assertFalse(directory.resolve("handover.sock").toFile().exists());
    nodes.delete("guest");
  }
}
