package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.List;

/**
 * Everything of one invocation: the document of {@code -o json} and of results.json.
 *
 * @param machine where it ran
 * @param memoryBytes guest memory
 * @param content {@code random}, {@code zero90} or {@code free90}
 * @param link the network
 * @param runs runs of each contender
 * @param keptMemoryBytes free memory that was held before the first run; 0 without a keeper
 * @param scenarios in the order they ran
 * @param skipped who or what was left out, with the reason
 * @param failures what was to be measured and failed, with the reason
 * @param note how the figures may be used
 */
@JsonNaming(SnakeCaseStrategy.class)
public record BenchResult(
    MachineFacts machine,
    long memoryBytes,
    String content,
    String link,
    int runs,
    long keptMemoryBytes,
    List<ScenarioResult> scenarios,
    List<String> skipped,
    List<String> failures,
    String note) {
  /** What is always said. */
  public static final String NOTE =
      "These figures compare only with each other: with those of the same invocation on the same"
          + " machine. Ratios hold further than numbers, and not across machines either.";

  /** Copies the lists. */
  public BenchResult {
    scenarios = List.copyOf(scenarios);
    skipped = List.copyOf(skipped);
    failures = List.copyOf(failures);
  }
}
