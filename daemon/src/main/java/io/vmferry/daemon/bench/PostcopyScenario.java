package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.RunFigures.Faults;
import io.vmferry.daemon.units.Rates;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Postcopy: how soon the guest runs, how soon it has all its memory, what its faults cost. */
final class PostcopyScenario {
  private static final String PRECOPY = Contender.VMFERRY + "/precopy";
  private static final String C_IDLE = Contender.C + "/idle";
  private static final String C_BULK = Contender.C + "/bulk";
  private static final String C_PACED = Contender.C + "/paced";
  private static final String C_BUSY = Contender.C + "/busy";
  private static final long RESUME_GOAL_MS = 30;
  // Twice what the guest's program and tables take; the rest of memory is its working set.
  private static final long BESIDE_WORKING_SET = 16L << 20;
  // Sweeps at several places, so that the fill does not run ahead of the only one, at a rate that
  // leaves the cores to the fill: 8,000 pages a second.
  private static final int FAULTING_CPUS = 8;
  private static final long FAULTING_BYTES_PER_SECOND = 32L << 20;

  private PostcopyScenario() {}

  static List<ScenarioResult> run(Stage stage) throws IOException, InterruptedException {
    return List.of(fill(stage), faults(stage));
  }

  private static ScenarioResult fill(Stage stage) throws IOException, InterruptedException {
    BenchPlan plan = stage.plan();
    String title = "Postcopy of an idle guest, time to resume and to full";
    stage.steps().accept(title);
    MigrationCase precopy = MigrationCase.precopy(plan.memoryBytes(), plan.content(), 1);
    MigrationCase postcopy = precopy.postcopy();
    List<Runs.Measurement> contenders = new ArrayList<>();
    contenders.add(() -> stage.vmferry().run(postcopy));
    contenders.add(() -> stage.vmferry().run(precopy.named(PRECOPY)));
    QemuPeer qemu = stage.qemu();
    if (qemu != null) {
      QemuPeer.Case same = new QemuPeer.Case(plan.memoryBytes(), 1, false, true);
      contenders.add(() -> qemu.run(same));
    }
    OnePagePeer onePage = stage.onePage();
    if (onePage != null) {
      contenders.add(() -> onePage.run(postcopy));
    }
    List<RunFigures> runs = stage.alternate(contenders);
    List<Goal> goals =
        new Goals(runs)
            .underMillis("pause to resume", RESUME_GOAL_MS, RunFigures::resumeMs)
            .add(
                Runs.ratio(
                    Runs.values(runs, Contender.VMFERRY, RunFigures::fullMs),
                    Runs.values(runs, PRECOPY, RunFigures::transferMs)),
                r -> Goal.atMost("time to full over precopy's transfer", 1.3, r))
            .atLeast(
                "time to full of qemu over ours",
                2,
                Contender.QEMU,
                Contender.VMFERRY,
                RunFigures::fullMs)
            .atLeast(
                "time to full of one-page over ours",
                8,
                Contender.ONE_PAGE,
                Contender.VMFERRY,
                RunFigures::fullMs)
            .list();
    return new ScenarioResult(
        "postcopy",
        title,
        Figure.THROUGHPUT,
        runs,
        goals,
        List.of("Throughput is guest memory over the time from the pause to the last page."));
  }

  private static ScenarioResult faults(Stage stage) throws IOException, InterruptedException {
    BenchPlan plan = stage.plan();
    String title = "Page faults of the standard guest while postcopy fills its memory";
    stage.steps().accept(title);
    long workingSet = plan.memoryBytes() - BESIDE_WORKING_SET;
    MigrationCase what =
        MigrationCase.standard(
            FAULTING_CPUS, plan.memoryBytes(), workingSet, FAULTING_BYTES_PER_SECOND, "postcopy");
    List<String> notes = new ArrayList<>();
    notes.add("A fault is timed from when its handler reads it until the page is in place.");
    notes.add(
        "guest: the same seen by who touches the pages, vmferry's standard guest by its time stamp"
            + " counter, touches of 2^15 cycles and more.");
    List<Runs.Measurement> contenders = new ArrayList<>();
    contenders.add(() -> stage.vmferry().runTouched(what));
    LimitProgram limit = stage.limit();
    if (limit != null) {
      for (LimitProgram.Load beside : LimitProgram.Load.values()) {
        contenders.add(() -> touched(limit.faults(plan.memoryBytes(), beside), notes));
      }
      notes.add(
          "c/idle has the link and the cores to itself, one fault behind the other; c/bulk runs"
              + " beside a bulk transfer, as ours does; c/paced beside the same, with a fault every"
              + " 2 ms, more often than our guest has one; c/busy beside the same and "
              + FAULTING_CPUS
              + " threads that compute, as our guest's vCPUs do.");
    }
    List<RunFigures> runs = stage.alternate(contenders);
    Goals goals = new Goals(runs);
    for (String peer : List.of(C_IDLE, C_BULK, C_PACED, C_BUSY)) {
      goals
          .atMost("p50 over " + peer, 1.5, Contender.VMFERRY, peer, PostcopyScenario::p50)
          .atMost("p99 over " + peer, 4, Contender.VMFERRY, peer, PostcopyScenario::p99);
    }
    return new ScenarioResult(
        "postcopy-faults", title, Figure.FAULT_P50, runs, goals.list(), notes);
  }

  private static RunFigures touched(LimitProgram.FaultRun run, List<String> notes) {
    notes.add(
        String.format(
            Locale.ROOT,
            "%s: bulk %s.",
            run.figures().contender(),
            Rates.format(run.bulkBytesPerSecond())));
    return run.figures();
  }

  private static @Nullable Double p50(RunFigures run) {
    Faults faults = run.faults();
    return faults == null ? null : faults.p50Us();
  }

  private static @Nullable Double p99(RunFigures run) {
    Faults faults = run.faults();
    return faults == null ? null : faults.p99Us();
  }
}
