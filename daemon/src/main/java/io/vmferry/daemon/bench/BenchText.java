package io.vmferry.daemon.bench;

import io.vmferry.daemon.bench.RunFigures.Faults;
import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import io.vmferry.daemon.render.Table;
import io.vmferry.daemon.units.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Results for people: a table for each scenario, and its goals beneath. */
public final class BenchText {
  private static final double MIB = 1L << 20;
  private static final String NOTHING = "-";

  private BenchText() {}

  /** A column: its heading, how numbers are written, the figure. */
  private record Column(
      String heading, String format, Function<RunFigures, @Nullable Double> figure) {}

  private static final List<Column> COURSE =
      List.of(
          new Column("GiB/s", "%.2f", RunFigures::gibPerSecond),
          new Column("total ms", "%.0f", RunFigures::totalMs),
          new Column("transfer ms", "%.0f", RunFigures::transferMs),
          new Column("downtime ms", "%.1f", RunFigures::downtimeMs),
          new Column("resume ms", "%.1f", RunFigures::resumeMs),
          new Column("full ms", "%.0f", RunFigures::fullMs),
          new Column("rounds", "%.0f", run -> asDouble(run.rounds())),
          new Column("sent MiB", "%.0f", run -> mib(run.bytesSent())),
          new Column("faults", "%.0f", run -> fault(run, f -> asDouble(f.count()))),
          new Column("p50 us", "%.0f", run -> fault(run, Faults::p50Us)),
          new Column("p99 us", "%.0f", run -> fault(run, Faults::p99Us)),
          new Column("guest p50 us", "%.0f", run -> touch(run, Faults::p50Us)),
          new Column("guest p99 us", "%.0f", run -> touch(run, Faults::p99Us)));

  private static final List<Column> RESOURCES =
      List.of(
          new Column("source: CPU s/GiB", "%.2f", run -> cpu(run, run.source())),
          new Column("RSS MiB", "%.0f", run -> of(run.source(), u -> mib(u.peakRssBytes()))),
          new Column("heap MiB", "%.0f", run -> of(run.source(), u -> mib(u.peakHeapBytes()))),
          new Column("longest GC ms", "%.1f", run -> of(run.source(), ProcessUse::gcPauseMaxMs)),
          new Column("destination: CPU s/GiB", "%.2f", run -> cpu(run, run.destination())),
          new Column("RSS MiB", "%.0f", run -> of(run.destination(), u -> mib(u.peakRssBytes()))),
          new Column("heap MiB", "%.0f", run -> of(run.destination(), u -> mib(u.peakHeapBytes()))),
          new Column(
              "longest GC ms", "%.1f", run -> of(run.destination(), ProcessUse::gcPauseMaxMs)));

  /** All of it. */
  public static List<String> lines(BenchResult result) {
    List<String> lines = new ArrayList<>();
    lines.add(result.machine().text());
    lines.add(
        "Guest memory "
            + Sizes.format(result.memoryBytes())
            + ", "
            + result.content()
            + "; link "
            + result.link()
            + "; median of "
            + result.runs()
            + (result.runs() == 1 ? " run" : " runs (least-most)"));
    lines.add(
        result.keptMemoryBytes() > 0
            ? Sizes.format(result.keptMemoryBytes()) + " of free memory kept at hand between runs"
            : "Free memory was not kept at hand: on a virtual machine chance decides cold runs");
    for (ScenarioResult scenario : result.scenarios()) {
      lines.add("");
      lines.addAll(lines(scenario));
    }
    lines.add("");
    result.skipped().forEach(reason -> lines.add("Left out: " + reason));
    result.failures().forEach(reason -> lines.add("Failed: " + reason));
    if (!result.link().equals(LinkShape.NONE.name())) {
      lines.add("The goals are meant for loopback: no ratio can be above 1 where a link is full.");
    }
    lines.add(result.note());
    return lines;
  }

  static List<String> lines(ScenarioResult scenario) {
    List<String> lines = new ArrayList<>();
    lines.add(scenario.title());
    lines.addAll(figures(scenario, COURSE));
    lines.addAll(figures(scenario, RESOURCES));
    if (!scenario.goals().isEmpty()) {
      Table table = new Table("  goal", "measured", "wanted", "");
      for (Goal goal : scenario.goals()) {
        table.row(
            "  " + goal.what(),
            goal.measured().text(goal.unit().equals("x") ? "%.2f" : "%.1f ms"),
            goal.limitText(),
            goal.met() ? "met" : "not met");
      }
      lines.addAll(table.lines());
    }
    scenario.notes().forEach(note -> lines.add("  " + note));
    return lines;
  }

  /** A table without the columns and rows in which nothing would stand. */
  private static List<String> figures(ScenarioResult scenario, List<Column> all) {
    List<Column> columns =
        all.stream()
            .filter(
                column ->
                    scenario.contenders().stream()
                        .anyMatch(c -> scenario.spread(c, column.figure()) != null))
            .toList();
    List<String> heading = new ArrayList<>(List.of("  contender"));
    columns.forEach(column -> heading.add(column.heading()));
    Table table = new Table(heading.toArray(String[]::new));
    for (String contender : scenario.contenders()) {
      if (columns.stream().allMatch(c -> scenario.spread(contender, c.figure()) == null)) {
        continue;
      }
      List<String> row = new ArrayList<>(List.of("  " + contender));
      for (Column column : columns) {
        Spread spread = scenario.spread(contender, column.figure());
        row.add(spread == null ? NOTHING : spread.text(column.format()));
      }
      table.row(row.toArray(String[]::new));
    }
    return table.lines();
  }

  private static @Nullable Double cpu(RunFigures run, @Nullable ProcessUse use) {
    return RunFigures.cpuPerGib(use, run.memoryBytes());
  }

  private static @Nullable Double fault(RunFigures run, Function<Faults, @Nullable Double> figure) {
    Faults faults = run.faults();
    return faults == null ? null : figure.apply(faults);
  }

  private static @Nullable Double touch(RunFigures run, Function<Faults, @Nullable Double> figure) {
    Faults touches = run.touches();
    return touches == null ? null : figure.apply(touches);
  }

  private static @Nullable Double of(
      @Nullable ProcessUse use, Function<ProcessUse, @Nullable Double> figure) {
    return use == null ? null : figure.apply(use);
  }

  private static @Nullable Double asDouble(@Nullable Number number) {
    return number == null ? null : number.doubleValue();
  }

  private static @Nullable Double mib(@Nullable Long bytes) {
    return bytes == null ? null : bytes / MIB;
  }
}
