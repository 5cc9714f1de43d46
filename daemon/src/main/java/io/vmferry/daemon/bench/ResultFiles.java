package io.vmferry.daemon.bench;

import io.vmferry.daemon.api.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes results: results.txt, results.json and a plot of each scenario. */
final class ResultFiles {
  private ResultFiles() {}

  static void write(BenchResult result, Path directory) throws IOException {
    Files.createDirectories(directory);
    Files.write(directory.resolve("results.txt"), BenchText.lines(result));
    Files.writeString(
        directory.resolve("results.json"),
        Json.LENIENT.writerWithDefaultPrettyPrinter().writeValueAsString(result) + "\n");
    for (ScenarioResult scenario : result.scenarios()) {
      Files.writeString(directory.resolve(scenario.name() + ".svg"), BarChart.of(scenario).svg());
    }
  }
}
