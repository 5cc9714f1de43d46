package io.vmferry.daemon.bench;

import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.kvm.memory.HostMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Runs the macro benchmarks: nodes, peers, scenarios, in this order. */
public final class Bench {
  // Two JVMs, the harness, and the peers' own.
  private static final long BESIDE_GUESTS_BYTES = 1L << 30;

  private Bench() {}

  /**
   * Runs a plan. Nothing is left afterwards, nor after an interrupt: no process, no namespace, no
   * file but the results.
   *
   * @param steps told what goes on, a line each
   * @throws BenchFailure if it could not go on
   * @throws NodeException if a node refused a request
   */
  public static BenchResult run(BenchPlan plan, Consumer<String> steps)
      throws IOException, InterruptedException {
    requireMemory(plan);
    try (Cleanup cleanup = new Cleanup()) {
      Path directory = Files.createTempDirectory("vmferry-bench-");
      cleanup.add(() -> Cleanup.remove(directory));
      BenchResult result = run(plan, steps, directory, cleanup);
      Path results = plan.results();
      if (results != null) {
        ResultFiles.write(result, results);
      }
      return result;
    }
  }

  private static BenchResult run(
      BenchPlan plan, Consumer<String> steps, Path directory, Cleanup cleanup)
      throws IOException, InterruptedException {
    Network network = Network.create(plan.link(), cleanup);
    List<String> skipped = new ArrayList<>();
    MemoryKeeper keeper =
        plan.memoryKeeper() ? MemoryKeeper.start(directory, cleanup, skipped) : null;
    steps.accept("Starting two nodes ...");
    BenchNodes nodes = BenchNodes.start(network, directory, cleanup);
    VmferryRuns vmferry = new VmferryRuns(nodes);
    boolean c = plan.peers().contains(Peer.C);
    boolean qemu = plan.peers().contains(Peer.QEMU);
    Stage stage =
        new Stage(
            plan,
            vmferry,
            plan.peers().contains(Peer.ONE_PAGE) ? new OnePagePeer(nodes, vmferry, cleanup) : null,
            c ? LimitProgram.compile(directory, network, cleanup, skipped) : null,
            qemu ? QemuPeer.find(directory, network, cleanup, skipped) : null,
            keeper,
            steps);
    skipped.forEach(reason -> steps.accept("Left out: " + reason));
    long keptBytes = 0;
    if (keeper != null) {
      steps.accept("Taking free memory ...");
      keptBytes = keeper.take().bytes();
    }
    steps.accept("Warming up ...");
    vmferry.warmUp(plan);
    List<ScenarioResult> scenarios = new ArrayList<>();
    List<String> failures = new ArrayList<>();
    for (Mode mode : Mode.values()) {
      if (plan.modes().contains(mode)) {
        try {
          scenarios.addAll(run(mode, stage));
        } catch (BenchFailure | NodeException e) {
          // An hour of other figures is not thrown away for it.
          failures.add(mode.word() + ": " + e.getMessage());
          steps.accept("Failed: " + mode.word() + ": " + e.getMessage());
          vmferry.removeLeftOver();
        }
      }
    }
    return new BenchResult(
        MachineFacts.ofThisHost(),
        plan.memoryBytes(),
        plan.content().word(),
        plan.link().name(),
        plan.runs(),
        keptBytes,
        scenarios,
        skipped,
        failures,
        BenchResult.NOTE);
  }

  private static List<ScenarioResult> run(Mode mode, Stage stage)
      throws IOException, InterruptedException {
    return switch (mode) {
      case PRECOPY -> PrecopyScenario.run(stage);
      case ZERO -> List.of(ZeroScenario.run(stage));
      case DOWNTIME -> List.of(DowntimeScenario.idle(stage));
      case DIRTY -> List.of(DowntimeScenario.dirty(stage));
      case POSTCOPY -> PostcopyScenario.run(stage);
      case SCALE -> List.of(ScaleScenario.run(stage));
    };
  }

  /** Source and destination, and QEMU's content, which stays while the others run. */
  private static void requireMemory(BenchPlan plan) throws IOException {
    long guests = plan.peers().contains(Peer.QEMU) ? 3 : 2;
    long needed = guests * plan.memoryBytes() + BESIDE_GUESTS_BYTES;
    long available = HostMemory.availableBytes();
    if (available < needed) {
      throw new BenchFailure(
          "The benchmarks need "
              + Sizes.format(needed)
              + " of memory, and this host has "
              + Sizes.format(available)
              + " available: stop something, or give --memory less");
    }
  }
}
