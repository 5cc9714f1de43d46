package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What one scenario showed.
 *
 * @param name for file names: small letters, digits and dashes
 * @param title for people
 * @param figure what the plot shows
 * @param runs in the order they ran
 * @param goals figures beside what they should be
 * @param notes what a reader must know, such as who was left out and why
 */
@JsonNaming(SnakeCaseStrategy.class)
public record ScenarioResult(
    String name,
    String title,
    Figure figure,
    List<RunFigures> runs,
    List<Goal> goals,
    List<String> notes) {
  /** Copies the lists. */
  public ScenarioResult {
    runs = List.copyOf(runs);
    goals = List.copyOf(goals);
    notes = List.copyOf(notes);
  }

  /** Who ran, in the order of the first appearance. */
  Set<String> contenders() {
    return runs.stream()
        .map(RunFigures::contender)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** A figure of one contender over its runs; null if it does not have it. */
  @Nullable Spread spread(String contender, Function<RunFigures, @Nullable Double> figure) {
    return Runs.spread(runs, contender, figure);
  }
}
