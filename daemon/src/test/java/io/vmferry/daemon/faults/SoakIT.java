package io.vmferry.daemon.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.api.CreateVmRequest;
import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.e2e.Patience;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.streams.wire.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One busy guest that migrates again and again, in any mode, some of the time over a link that
 * breaks: its memory stays its own, and neither node grows.
 *
 * <p>{@code -Dvmferry.soak=N} migrations, {@code -Dvmferry.soak.seed=S}; the plot is written to
 * {@code target/soak.svg}.
 */
@RequiresKvm
@RequiresUffd
class SoakIT {
  private static final int MIGRATIONS = Integer.getInteger("vmferry.soak", 8);
  private static final long SEED = Long.getLong("vmferry.soak.seed", System.nanoTime() & 0xffff);
  private static final String GUEST = "soak";
  private static final long WORKING_SET_BYTES = 4 * Mode.MIB;
  private static final long MEMORY_BYTES = 32 * Mode.MIB;
  private static final long DIRTY_BYTES_PER_SECOND = 16 * Mode.MIB;
  private static final Duration LIMIT = Duration.ofMinutes(1);
  // One migration in so many meets a cut.
  private static final int CUT_EVERY = 3;
  // The first migrations load classes and fill caches.
  private static final int WARM_UP = 20;
  // Longer than a session lingers.
  private static final long SETTLE_SECONDS = 3;

  @TempDir private static Path directory;

  private final Random random = new Random(SEED);
  private final Map<Side, List<Double>> heapMib = new EnumMap<>(Side.class);
  private final Map<Side, List<Double>> descriptors = new EnumMap<>(Side.class);
  // Of the node that has not the guest, once it is warm.
  private final Map<Side, Footprint> early = new EnumMap<>(Side.class);
  private int cuts;

  @Test
  void aGuestThatMigratesAgainAndAgainStaysWholeAndTheNodesDoNotGrow() throws Exception {
    System.out.printf("soak: -Dvmferry.soak=%d -Dvmferry.soak.seed=%d%n", MIGRATIONS, SEED);
    try (Hosts hosts = new Hosts(directory, "vmferry.migration.linger=1s")) {
      hosts.ready();
      boot(hosts.node(Side.SOURCE).client());
      Side at = Side.SOURCE;
      for (int i = 0; i < MIGRATIONS; i++) {
        at = migrate(hosts, at, i);
        work(hosts.node(at).client());
        for (Side side : Side.values()) {
          record(hosts, side);
        }
        if (i >= WARM_UP && !early.containsKey(at.other())) {
          TimeUnit.SECONDS.sleep(SETTLE_SECONDS);
          early.put(at.other(), Footprint.of(hosts.node(at.other())));
        }
      }
      hosts.node(at).client().deleteVm(GUEST);
      for (Map.Entry<Side, Footprint> before : early.entrySet()) {
        assertNothingIsLeft(hosts, before.getKey(), before.getValue());
      }
    }
    Files.writeString(Path.of("target", "soak.svg"), plot());
    System.out.printf("soak: %d migrations, %d cut, no mismatch%n", MIGRATIONS, cuts);
    for (Side side : Side.values()) {
      assertHeapIsFlat(side, Objects.requireNonNull(heapMib.get(side)));
    }
  }

  private static void assertNothingIsLeft(Hosts hosts, Side side, Footprint before)
      throws IOException, InterruptedException {
    Patience.until(
        LIMIT.toSeconds(),
        () -> Footprint.of(hosts.node(side)).excessOver(before).isEmpty(),
        () -> "the " + side + " keeps more than after the first migrations");
  }

  private static void boot(NodeClient node) throws IOException, InterruptedException {
    GuestConfig busy =
        new GuestConfig(
            "standard", WORKING_SET_BYTES, DIRTY_BYTES_PER_SECOND, null, null, null, null);
    node.createVm(new CreateVmRequest(GUEST, 2, MEMORY_BYTES, "4K", busy));
    node.boot(GUEST);
    work(node);
  }

  /** Where the guest is afterwards. */
  private Side migrate(Hosts hosts, Side from, int number) throws Exception {
    Mode mode = Scenarios.pick(List.of(Mode.values()), random);
    Trap trap = random.nextInt(CUT_EVERY) == 0 ? cut(mode) : Scenarios.harmless(mode).trap();
    NodeClient source = hosts.node(from).client();
    NodeClient destination = hosts.node(from.other()).client();
    // What is left of the migration before is freed after its end was told.
    Patience.until(
        LIMIT.toSeconds(),
        () -> destination.listVms().vms().isEmpty(),
        () -> GUEST + " is still on the " + from.other());
    String url =
        mode == Mode.LOCAL ? "unix:" + directory.resolve("soak-" + number) : "tcp:127.0.0.1:0";
    MigrationView receiving =
        destination.receiveMigration(
            new ReceiveMigrationRequest(url, mode.memoryMode(), null, true, null, null, null));
    try (FaultProxy proxy =
        new FaultProxy(Objects.requireNonNull(receiving.url()), List.of(trap), fault -> {})) {
      MigrationView sending = source.sendMigration(GUEST, mode.options(proxy.url()));
      MigrationView departure = source.awaitFinal(sending.id(), LIMIT);
      MigrationView arrival = destination.awaitFinal(receiving.id(), LIMIT);
      if (proxy.hasSprung()) {
        cuts++;
      }
      if (departure.state().equals("failed")) {
        assertTrue(proxy.hasSprung(), () -> mode + ", " + trap + ": " + departure + arrival);
        assertEquals("failed", arrival.state(), arrival::toString);
        return from;
      }
      assertEquals("completed", departure.state(), departure::toString);
      String digest = Objects.requireNonNull(departure.summary()).memoryDigest();
      assertNotNull(digest);
      assertEquals(digest, Objects.requireNonNull(arrival.summary()).memoryDigest());
      return from.other();
    }
  }

  /** Somewhere before the handover: the guest goes on where it was. */
  private Trap cut(Mode mode) {
    List<Scenarios.Point> points =
        Scenarios.points(mode).stream().filter(SoakIT::isBeforeHandover).toList();
    Scenarios.Point point = Scenarios.pick(points, random);
    Place place = Scenarios.pick(List.of(Place.values()), random);
    Fault fault = random.nextBoolean() ? Fault.CUT : Fault.CUT_ALL;
    return new Trap(point.kind(), point.nth(), place, fault, null, random.nextInt());
  }

  private static boolean isBeforeHandover(Scenarios.Point point) {
    MessageKind kind = point.kind();
    return switch (kind.carrier()) {
      case MAIN -> kind.command() != Command.COMPLETE;
      case MEMORY -> true;
      case FAULT -> kind.command() == null;
      default -> false;
    };
  }

  /** The guest goes over its working set twice and finds nothing. */
  private static void work(NodeClient node) throws IOException, InterruptedException {
    long wanted = report(node).iterations() + 2 * WORKING_SET_BYTES / 4096;
    Patience.until(
        LIMIT.toSeconds(),
        () -> report(node).iterations() >= wanted,
        () -> GUEST + " makes no progress");
    assertEquals(0, report(node).mismatches());
  }

  private static GuestView report(NodeClient node) throws IOException {
    GuestView report = node.vm(GUEST).guest();
    return report == null ? new GuestView(true, 0, 0, 0, 0, null) : report;
  }

  private void record(Hosts hosts, Side side) throws IOException, InterruptedException {
    heapMib
        .computeIfAbsent(side, s -> new ArrayList<>())
        .add(HeapAfterGc.of(hosts.node(side).process()) / (double) Mode.MIB);
    // The guest itself holds some: counted where it is not, a node shows only what it keeps.
    descriptors
        .computeIfAbsent(side, s -> new ArrayList<>())
        .add((double) Footprint.of(hosts.node(side)).descriptors());
  }

  /** The most of the last quarter is not a tenth above that of the one after the warm-up. */
  private static void assertHeapIsFlat(Side side, List<Double> values) {
    if (values.size() < 3 * WARM_UP) {
      return;
    }
    int quarter = (values.size() - WARM_UP) / 4;
    double early = greatest(values.subList(WARM_UP, WARM_UP + quarter));
    double late = greatest(values.subList(values.size() - quarter, values.size()));
    assertTrue(late <= early * 1.1, () -> side + " heap grew from " + early + " to " + late);
  }

  private static double greatest(List<Double> values) {
    return values.stream().mapToDouble(v -> v).max().orElseThrow();
  }

  private String plot() {
    return new LineChart(
            MIGRATIONS + " migrations of one busy guest, modes mixed, " + cuts + " cut")
        .panel(panel("heap after a collection, MiB", heapMib))
        .panel(panel("descriptors", descriptors))
        .svg();
  }

  private static LineChart.Panel panel(String label, Map<Side, List<Double>> values) {
    List<Side> sides = Arrays.asList(Side.values());
    return new LineChart.Panel(
        label,
        Stream.of("one node", "the other").toList(),
        sides.stream().map(side -> Objects.requireNonNull(values.get(side))).toList());
  }
}
