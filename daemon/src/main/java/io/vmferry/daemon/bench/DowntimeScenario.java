package io.vmferry.daemon.bench;

import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.units.Rates;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How long guests stand still. */
final class DowntimeScenario {
  private static final int IDLE_RUNS = 20;
  private static final long IDLE_BYTES = 64L << 20;
  private static final long IDLE_GOAL_MS = 20;
  private static final Duration LIMIT = Duration.ofMinutes(10);
  // Where loopback is not shaped, the migration's own limit is the link: 1 Gbit/s.
  private static final long DEFAULT_LINK = 125_000_000;
  private static final long MAX_WORKING_SET = 256L << 20;
  private static final long WORKING_SET_UNIT = 4096L;
  private static final int DIRTY_CPUS = 2;
  private static final double BUDGET_FACTOR = 1.2;

  private DowntimeScenario() {}

  /** A small idle guest, to and fro. */
  static ScenarioResult idle(Stage stage) throws IOException, InterruptedException {
    String title = "Downtime of an idle guest, precopy, to and fro";
    stage.steps().accept(title);
    GuestConfig idle = new GuestConfig("idle", null, null, null, null, null, null);
    MigrationCase what =
        new MigrationCase(Contender.VMFERRY, 1, IDLE_BYTES, idle, "precopy", 1, false, 300, 0);
    VmferryRuns vmferry = stage.vmferry();
    vmferry.boot(what);
    Side from = Side.SOURCE;
    Side to = Side.DESTINATION;
    List<RunFigures> runs = new ArrayList<>();
    for (int i = 0; i < IDLE_RUNS; i++) {
      runs.add(vmferry.migrate(what, from, to, LIMIT).figures());
      Side back = from;
      from = to;
      to = back;
    }
    vmferry.client(from).deleteVm(MigrationCase.VM);
    List<Goal> goals =
        new Goals(runs).underMillis("downtime", IDLE_GOAL_MS, RunFigures::downtimeMs).list();
    return new ScenarioResult("downtime", title, Figure.DOWNTIME, runs, goals, List.of());
  }

  /** The standard guest, dirtying at half the link rate. */
  static ScenarioResult dirty(Stage stage) throws IOException, InterruptedException {
    BenchPlan plan = stage.plan();
    long link = plan.link().isShaped() ? plan.link().bytesPerSecond() : DEFAULT_LINK;
    long rate = link / 2;
    String title =
        "Downtime of a guest that dirties "
            + Rates.format(rate)
            + ", half of what the link carries";
    stage.steps().accept(title);
    long workingSet = Math.min(MAX_WORKING_SET, plan.memoryBytes() / 4);
    MigrationCase standard =
        MigrationCase.standard(
            DIRTY_CPUS,
            plan.memoryBytes(),
            workingSet / WORKING_SET_UNIT * WORKING_SET_UNIT,
            rate,
            "precopy");
    MigrationCase what = plan.link().isShaped() ? standard : standard.limited(link);
    List<RunFigures> runs = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    for (int i = 0; i < plan.runs(); i++) {
      VmferryRuns.Ended ended = stage.vmferry().run(what, LIMIT);
      runs.add(ended.figures());
      ProgressView last = ended.departure().progress();
      if (last != null) {
        notes.add(
            String.format(
                Locale.ROOT,
                "Run %d: the guest dirtied %s when last counted.",
                i + 1,
                Rates.format(last.dirtyBytesPerSecond())));
      }
    }
    double budget = what.downtimeMs();
    List<Goal> goals =
        new Goals(runs)
            .underMillis(
                String.format(Locale.ROOT, "downtime, 1.2 times the budget of %.0f ms", budget),
                budget * BUDGET_FACTOR,
                RunFigures::downtimeMs)
            .list();
    return new ScenarioResult("dirty", title, Figure.DOWNTIME, runs, goals, notes);
  }
}
