package io.vmferry.daemon.cli;

import io.vmferry.daemon.bench.BenchFailure;
import io.vmferry.daemon.bench.BenchResult;
import io.vmferry.daemon.bench.BenchText;
import io.vmferry.daemon.bench.OffloadBench;
import io.vmferry.daemon.bench.OffloadMode;
import io.vmferry.daemon.bench.OffloadPlan;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code vmferry bench offload}. */
@Command(
    name = "offload",
    sortOptions = false,
    description = {
      "Measures the offload daemon: start-up, snapshots and restores beside cp on the same disk,",
      "chunk stores, restores on demand with and without the working set.",
      "Figures compare only with those of the same invocation. Run it on an idle machine."
    })
final class BenchOffloadCommand implements Callable<Integer> {
  private final Console console;

  @Spec private CommandSpec spec;

  @Mixin private BenchOptions common = new BenchOptions();

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      split = ",",
      description = {
        "What to measure: start (of a command, and of a guest on demand), dir, store (snapshot and",
        "eager restore), ondemand (the working set). Default: all."
      })
  private List<String> modes = List.of();

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description =
          "Where snapshots are put meanwhile: the disk that is measured. Default: the temporary"
              + " directory.")
  private Path directory = Path.of(System.getProperty("java.io.tmpdir"));

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  BenchOffloadCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    try {
      BenchResult result = OffloadBench.run(plan(), console::note);
      console.print(result, BenchText.lines(result));
      return ExitCodes.OK;
    } catch (BenchFailure e) {
      throw new CommandFailure(ExitCodes.FAILED, e.getMessage() + ".", e);
    }
  }

  private OffloadPlan plan() {
    try {
      return new OffloadPlan(
          common.memoryBytes(),
          common.runs(),
          BenchOptions.words("--mode", modes, OffloadMode.values(), OffloadMode::word),
          directory,
          common.results());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }
}
