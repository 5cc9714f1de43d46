package io.vmferry.daemon.bench;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.actors.guest.TouchWaits;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.bench.RunFigures.Faults;
import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Migrates guests between the two nodes, as a user does, and measures. */
final class VmferryRuns {
  private static final Duration LIMIT = Duration.ofMinutes(15);
  private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);
  private static final long LOOK_AGAIN_MS = 20;
  private static final long WARM_UP_BYTES = 256L << 20;

  private final BenchNodes nodes;

  VmferryRuns(BenchNodes nodes) {
    this.nodes = nodes;
  }

  /** Lets the compilers see each path a few times, unmeasured, as a node that is up has long. */
  void warmUp(BenchPlan plan) throws IOException, InterruptedException {
    long memory = Math.min(plan.memoryBytes(), WARM_UP_BYTES);
    for (int i = 0; i < 2; i++) {
      for (MigrationCase what :
          List.of(
              MigrationCase.precopy(memory, MemoryFill.RANDOM, 1),
              MigrationCase.precopy(memory, MemoryFill.RANDOM, 4),
              MigrationCase.precopy(memory, MemoryFill.RANDOM, 1).postcopy())) {
        boot(what);
        move(what, Side.SOURCE, Side.DESTINATION, LIMIT);
        nodes.client(Side.DESTINATION).deleteVm(MigrationCase.VM);
      }
    }
  }

  /** Boots the guest on the source, migrates it, removes it. */
  RunFigures run(MigrationCase what) throws IOException, InterruptedException {
    return run(what, LIMIT).figures();
  }

  Ended run(MigrationCase what, Duration limit) throws IOException, InterruptedException {
    boot(what);
    Ended ended = migrate(what, Side.SOURCE, Side.DESTINATION, limit);
    nodes.client(Side.DESTINATION).deleteVm(MigrationCase.VM);
    return ended;
  }

  /** As {@link #run(MigrationCase)}, of a paced standard guest: with what its touches took. */
  RunFigures runTouched(MigrationCase what) throws IOException, InterruptedException {
    boot(what);
    TouchWaits before = TouchWaits.parse(console(Side.SOURCE));
    RunFigures figures = migrate(what, Side.SOURCE, Side.DESTINATION, LIMIT).figures();
    // The report under way may have been begun before the end.
    long reports = TouchWaits.reports(console(Side.DESTINATION)) + 2;
    long deadline = System.nanoTime() + BOOT_LIMIT.toNanos();
    while (TouchWaits.reports(console(Side.DESTINATION)) < reports) {
      if (System.nanoTime() - deadline > 0) {
        throw new BenchFailure("The guest does not report how long it waited for pages");
      }
      Thread.sleep(LOOK_AGAIN_MS);
    }
    TouchWaits waits = TouchWaits.parse(console(Side.DESTINATION)).since(before);
    nodes.client(Side.DESTINATION).deleteVm(MigrationCase.VM);
    double cyclesPerUs = GuestClock.khz() / 1e3;
    return figures.withTouches(
        new Faults(
            waits.count(),
            waits.percentileCycles(0.5) / cyclesPerUs,
            waits.percentileCycles(0.99) / cyclesPerUs));
  }

  private String console(Side side) throws IOException {
    return nodes.client(side).console(MigrationCase.VM).text();
  }

  void boot(MigrationCase what) throws IOException, InterruptedException {
    NodeClient source = nodes.client(Side.SOURCE);
    awaitGone(source);
    source.createVm(what.vm());
    source.boot(MigrationCase.VM);
    if (what.guest().kind().equals("standard")) {
      awaitSweep(source);
    }
  }

  /** The source forgets the guest of the run before a little after that run's end. */
  private static void awaitGone(NodeClient source) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + BOOT_LIMIT.toNanos();
    while (!source.listVms().vms().isEmpty() && System.nanoTime() - deadline < 0) {
      Thread.sleep(LOOK_AGAIN_MS);
    }
  }

  /** Deletes what a run that failed has left, wherever it is. */
  void removeLeftOver() throws IOException {
    for (Side side : Side.values()) {
      NodeClient node = nodes.client(side);
      for (VmView vm : node.listVms().vms()) {
        try {
          node.deleteVm(vm.name());
        } catch (NodeException e) {
          throw new BenchFailure("A guest is left and cannot be deleted: " + e.getMessage(), e);
        }
      }
    }
  }

  /** The working set is dirty all over only after a first sweep. */
  private static void awaitSweep(NodeClient node) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + BOOT_LIMIT.toNanos();
    GuestView guest = node.vm(MigrationCase.VM).guest();
    while (guest == null || guest.iterations() == 0) {
      if (System.nanoTime() - deadline > 0) {
        throw new BenchFailure(
            "The guest made no progress within " + BOOT_LIMIT.toSeconds() + " s");
      }
      Thread.sleep(LOOK_AGAIN_MS);
      guest = node.vm(MigrationCase.VM).guest();
    }
  }

  /** Migrates a guest that is on {@code from} and leaves it on {@code to}; measures both nodes. */
  Ended migrate(MigrationCase what, Side from, Side to, Duration limit)
      throws IOException, InterruptedException {
    nodes.meter(from).start();
    nodes.meter(to).start();
    Moved moved = move(what, from, to, limit);
    ProcessUse source = nodes.meter(from).stop();
    ProcessUse destination = nodes.meter(to).stop();
    return new Ended(
        moved.left(),
        figures(what, summary(moved.left()), summary(moved.arrived()), source, destination));
  }

  private Moved move(MigrationCase what, Side from, Side to, Duration limit) throws IOException {
    MigrationView receiving =
        nodes
            .client(to)
            .receiveMigration(
                new ReceiveMigrationRequest(
                    "tcp:" + nodes.network().address(to) + ":0",
                    what.mode(),
                    null,
                    false,
                    null,
                    what.prefault(),
                    null));
    String url = receiving.url();
    if (url == null) {
      throw new BenchFailure("The destination node does not say where it listens");
    }
    MigrationView sending = nodes.client(from).sendMigration(MigrationCase.VM, what.send(url));
    return new Moved(
        completed(nodes.client(from).awaitFinal(sending.id(), limit)),
        completed(nodes.client(to).awaitFinal(receiving.id(), limit)));
  }

  /** A migration as both sides tell it. */
  private record Moved(MigrationView left, MigrationView arrived) {}

  private static MigrationView completed(MigrationView view) {
    if (!view.state().equals(MigrationView.COMPLETED)) {
      throw new BenchFailure(
          "A migration did not complete but "
              + view.state()
              + (view.problem() == null
                  ? ""
                  : ": " + view.problem().message().replaceFirst("\\.$", "")));
    }
    return view;
  }

  private static SummaryView summary(MigrationView view) {
    SummaryView summary = view.summary();
    if (summary == null) {
      throw new BenchFailure("A migration ended without figures");
    }
    return summary;
  }

  private static RunFigures figures(
      MigrationCase what,
      SummaryView left,
      SummaryView arrived,
      ProcessUse source,
      ProcessUse destination) {
    boolean postcopy = what.mode().equals("postcopy");
    Double timed =
        postcopy
            ? left.fullMs()
            : what.prefault() ? left.transferMs() : Double.valueOf(left.totalMs());
    // Prefaulting happens inside the destination's time and is not what a warm run is about.
    ProcessUse warm = what.prefault() ? withoutCpu(destination) : destination;
    return new RunFigures(
        what.contender(),
        what.memoryBytes(),
        timed,
        left.totalMs(),
        left.transferMs(),
        left.downtimeMs(),
        postcopy ? left.resumeMs() : null,
        postcopy ? left.fullMs() : null,
        left.rounds() == 0 ? null : left.rounds(),
        left.bytesSent(),
        source,
        warm,
        faults(arrived),
        null);
  }

  private static @Nullable Faults faults(SummaryView arrived) {
    Long p50 = arrived.faultP50Us();
    Long p99 = arrived.faultP99Us();
    return p50 == null || p99 == null ? null : new Faults(arrived.faultsServed(), p50, p99);
  }

  private static ProcessUse withoutCpu(ProcessUse use) {
    return new ProcessUse(
        null,
        use.peakRssBytes(),
        use.peakHeapBytes(),
        use.liveHeapBytes(),
        use.gcPauses(),
        use.gcPauseTotalMs(),
        use.gcPauseMaxMs());
  }

  NodeClient client(Side side) {
    return nodes.client(side);
  }

  /**
   * A migration that went well.
   *
   * @param departure as the source tells it
   * @param figures what was measured
   */
  record Ended(MigrationView departure, RunFigures figures) {}
}
