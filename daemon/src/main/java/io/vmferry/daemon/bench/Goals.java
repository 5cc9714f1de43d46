package io.vmferry.daemon.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Collects the goals of a scenario; one whose figures are missing is left out. */
final class Goals {
  private final List<RunFigures> runs;
  private final List<Goal> goals = new ArrayList<>();

  Goals(List<RunFigures> runs) {
    this.runs = runs;
  }

  /** This project's throughput over a peer's. */
  Goals throughputOver(String peer, double limit) {
    Spread ratio = Runs.ratio(runs, Contender.VMFERRY, peer, RunFigures::gibPerSecond);
    return add(ratio, r -> Goal.atLeast("throughput over " + peer, limit, r));
  }

  /** This project's CPU seconds over a peer's. */
  Goals cpuOver(String peer, double limit) {
    Spread ratio = Runs.ratio(runs, Contender.VMFERRY, peer, RunFigures::cpuPerGib);
    return add(ratio, r -> Goal.atMost("CPU s/GiB of both sides over " + peer, limit, r));
  }

  /** A ratio of any figure. */
  Goals atLeast(
      String what,
      double limit,
      String over,
      String under,
      Function<RunFigures, @Nullable Double> figure) {
    return add(Runs.ratio(runs, over, under, figure), r -> Goal.atLeast(what, limit, r));
  }

  /** A ratio of any figure. */
  Goals atMost(
      String what,
      double limit,
      String over,
      String under,
      Function<RunFigures, @Nullable Double> figure) {
    return add(Runs.ratio(runs, over, under, figure), r -> Goal.atMost(what, limit, r));
  }

  /** A time of this project's. */
  Goals underMillis(String what, double limit, Function<RunFigures, @Nullable Double> figure) {
    Spread millis = Runs.spread(runs, Contender.VMFERRY, figure);
    return add(millis, m -> Goal.underMillis(what, limit, m));
  }

  Goals add(@Nullable Spread measured, Function<Spread, Goal> goal) {
    if (measured != null) {
      goals.add(goal.apply(measured));
    }
    return this;
  }

  List<Goal> list() {
    return List.copyOf(goals);
  }
}
