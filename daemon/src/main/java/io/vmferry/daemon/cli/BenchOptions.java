package io.vmferry.daemon.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What all benchmarks are told. */
final class BenchOptions {
  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Guest memory, 128M or more; the host needs three times as much. Default: 1G.")
  private ByteSize memory = new ByteSize(1L << 30);

  @Option(
      names = "--runs",
      paramLabel = "N",
      description = "Runs of each contender, in turns. Default: 3.")
  private int runs = 3;

  @Option(
      names = "--results",
      paramLabel = "DIR",
      description = "Write results.txt, results.json and a plot (SVG) of each scenario there.")
  private @Nullable Path results;

  /**
   * What the words of an option stand for; none for everything.
   *
   * @throws IllegalArgumentException with one sentence for the user if one is unknown
   */
  static <T> Set<T> words(String option, List<String> given, T[] all, Function<T, String> word) {
    List<String> known = Arrays.stream(all).map(word).toList();
    for (String text : given) {
      if (!known.contains(text)) {
        throw new IllegalArgumentException(
            option
                + " "
                + String.join(",", given)
                + ": write one or several of "
                + String.join(",", known));
      }
    }
    return Arrays.stream(all)
        .filter(t -> given.isEmpty() || given.contains(word.apply(t)))
        .collect(Collectors.toSet());
  }

  long memoryBytes() {
    return memory.bytes();
  }

  int runs() {
    return runs;
  }

  /** Null for nowhere. */
  @Nullable Path results() {
    return results;
  }
}
