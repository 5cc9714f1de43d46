package io.vmferry.daemon.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** All memory of an idle guest, into a cold destination or a warm one. */
final class PrecopyScenario {
  private PrecopyScenario() {}

  static List<ScenarioResult> run(Stage stage) throws IOException, InterruptedException {
    List<ScenarioResult> results = new ArrayList<>();
    for (boolean warm : new boolean[] {false, true}) {
      for (int connections : stage.plan().connections()) {
        results.add(run(stage, connections, warm));
      }
    }
    return results;
  }

  private static ScenarioResult run(Stage stage, int connections, boolean warm)
      throws IOException, InterruptedException {
    BenchPlan plan = stage.plan();
    String title =
        String.format(
            "Precopy into a %s destination, %d connection%s, %s memory",
            warm ? "warm" : "cold",
            connections,
            connections == 1 ? "" : "s",
            plan.content().word());
    stage.steps().accept(title);
    MigrationCase cold = MigrationCase.precopy(plan.memoryBytes(), plan.content(), connections);
    List<Runs.Measurement> contenders = new ArrayList<>();
    contenders.add(() -> stage.vmferry().run(warm ? cold.warm() : cold));
    LimitProgram limit = stage.limit();
    if (limit != null) {
      contenders.add(() -> limit.transfer(plan.memoryBytes(), connections, warm));
    }
    QemuPeer qemu = stage.qemu();
    if (qemu != null) {
      QemuPeer.Case same = new QemuPeer.Case(plan.memoryBytes(), connections, warm, false);
      contenders.add(() -> qemu.run(same));
    }
    List<RunFigures> runs = stage.alternate(contenders);
    return new ScenarioResult(
        "precopy-" + (warm ? "warm-" : "cold-") + connections,
        title,
        Figure.THROUGHPUT,
        runs,
        goals(runs, connections, warm),
        warm
            ? List.of(
                "Throughput of vmferry from the first page to the last; making the memory before"
                    + " is left out, as with the peers, and so is the destination's CPU time.")
            : List.of("Throughput of vmferry over the whole migration, set-up included."));
  }

  private static List<Goal> goals(List<RunFigures> runs, int connections, boolean warm) {
    Goals goals = new Goals(runs);
    if (warm) {
      goals.throughputOver(Contender.C, 0.9);
      if (connections == 1) {
        goals.throughputOver(Contender.QEMU, 2);
      }
      return goals.list();
    }
    return goals
        .throughputOver(Contender.C, connections == 1 ? 1.3 : 1)
        .throughputOver(Contender.QEMU, connections == 1 ? 2.5 : 2)
        .cpuOver(Contender.C, 1.3)
        .list();
  }
}
