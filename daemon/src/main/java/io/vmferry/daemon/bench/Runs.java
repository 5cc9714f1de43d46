package io.vmferry.daemon.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Arithmetic over runs. */
final class Runs {
  private Runs() {}

  /** A figure of one contender, in the order of its runs, without the runs that lack it. */
  static List<Double> values(
      List<RunFigures> runs, String contender, Function<RunFigures, @Nullable Double> figure) {
    return runs.stream()
        .filter(run -> run.contender().equals(contender))
        .map(figure)
        .filter(Objects::nonNull)
        .map(Double.class::cast)
        .toList();
  }

  static @Nullable Spread spread(
      List<RunFigures> runs, String contender, Function<RunFigures, @Nullable Double> figure) {
    return Spread.of(values(runs, contender, figure));
  }

  /**
   * One contender's figure over another's, run by run: the n-th run of both was in the same round,
   * next to each other, so that what changes on the machine meanwhile touches both.
   *
   * @return null if either lacks it
   */
  static @Nullable Spread ratio(
      List<RunFigures> runs,
      String over,
      String under,
      Function<RunFigures, @Nullable Double> figure) {
    return ratio(values(runs, over, figure), values(runs, under, figure));
  }

  static @Nullable Spread ratio(List<Double> over, List<Double> under) {
    List<Double> ratios = new ArrayList<>();
    for (int i = 0; i < Math.min(over.size(), under.size()); i++) {
      ratios.add(over.get(i) / under.get(i));
    }
    return Spread.of(ratios);
  }

  /**
   * Makes every contender run so many times, in turns: forwards in the first round, backwards in
   * the second, and so on.
   *
   * @param before what is done before each
   */
  static List<RunFigures> alternate(int rounds, Preparation before, List<Measurement> contenders)
      throws IOException, InterruptedException {
    List<RunFigures> runs = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      for (int i = 0; i < contenders.size(); i++) {
        int turn = round % 2 == 0 ? i : contenders.size() - 1 - i;
        before.run();
        runs.add(contenders.get(turn).run());
      }
    }
    return runs;
  }

  /** Makes the machine the same for every run. */
  @FunctionalInterface
  interface Preparation {
    void run() throws IOException, InterruptedException;
  }

  /** One run of one contender. */
  @FunctionalInterface
  interface Measurement {
    RunFigures run() throws IOException, InterruptedException;
  }
}
