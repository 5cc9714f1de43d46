package io.vmferry.daemon.bench;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A guest beside one of a tenth of its size. */
final class ScaleScenario {
  private static final int FACTOR = 10;
  private static final long UNIT_BYTES = 1L << 20;
  private static final String SMALL = Contender.VMFERRY + "/tenth";

  private ScaleScenario() {}

  static ScenarioResult run(Stage stage) throws IOException, InterruptedException {
    String title = "A guest beside one of a tenth of its size, precopy, 1 connection";
    stage.steps().accept(title);
    BenchPlan plan = stage.plan();
    long tenth = plan.memoryBytes() / FACTOR / UNIT_BYTES * UNIT_BYTES;
    MigrationCase large = MigrationCase.precopy(tenth * FACTOR, plan.content(), 1);
    MigrationCase small = MigrationCase.precopy(tenth, plan.content(), 1).named(SMALL);
    List<Runs.Measurement> contenders =
        List.of(() -> stage.vmferry().run(small), () -> stage.vmferry().run(large));
    List<RunFigures> runs = stage.alternate(contenders);
    List<Goal> goals =
        new Goals(runs)
            .atMost("total time over a tenth's", 11, Contender.VMFERRY, SMALL, RunFigures::totalMs)
            .atMost(
                "source's heap over a tenth's",
                1.5,
                Contender.VMFERRY,
                SMALL,
                run -> heap(run.source()))
            .atMost(
                "destination's heap over a tenth's",
                1.5,
                Contender.VMFERRY,
                SMALL,
                run -> heap(run.destination()))
            .list();
    return new ScenarioResult(
        "scale",
        title,
        Figure.THROUGHPUT,
        runs,
        goals,
        List.of("Heap is the most that was in use, garbage included."));
  }

  private static @Nullable Double heap(RunFigures.@Nullable ProcessUse use) {
    Long bytes = use == null ? null : use.peakHeapBytes();
    return bytes == null ? null : bytes.doubleValue();
  }
}
