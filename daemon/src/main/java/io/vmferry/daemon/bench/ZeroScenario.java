package io.vmferry.daemon.bench;

import io.vmferry.actors.guest.MemoryFill;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** An idle guest with 90 % zero memory, in pages and in long stretches, beside one without. */
final class ZeroScenario {
  private ZeroScenario() {}

  static ScenarioResult run(Stage stage) throws IOException, InterruptedException {
    String title = "Idle guest, 90 % zero memory beside none";
    stage.steps().accept(title);
    long memory = stage.plan().memoryBytes();
    List<Runs.Measurement> contenders = new ArrayList<>();
    for (MemoryFill fill : MemoryFill.values()) {
      MigrationCase what = MigrationCase.precopy(memory, fill, 1).named(name(fill));
      contenders.add(() -> stage.vmferry().run(what));
    }
    List<RunFigures> runs = stage.alternate(contenders);
    List<Goal> goals =
        new Goals(runs)
            .atLeast(
                "time without zeros over time with 90 %",
                5, name(MemoryFill.RANDOM), name(MemoryFill.ZERO90), RunFigures::totalMs)
            .atLeast(
                "time without zeros over time with 90 % in stretches of 2 MiB",
                5, name(MemoryFill.RANDOM), name(MemoryFill.FREE90), RunFigures::totalMs)
            .list();
    return new ScenarioResult("zero", title, Figure.TOTAL_TIME, runs, goals, List.of());
  }

  private static String name(MemoryFill fill) {
    return Contender.VMFERRY + "/" + fill.word();
  }
}
