package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.ProgressView;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.doctor.Doctor;
import io.vmferry.daemon.doctor.Finding;
import io.vmferry.daemon.process.NodeChildFailure;
import io.vmferry.daemon.quickstart.Quickstart;
import io.vmferry.daemon.quickstart.QuickstartFailure;
import io.vmferry.daemon.quickstart.QuickstartPlan;
import io.vmferry.daemon.quickstart.QuickstartResult;
import io.vmferry.daemon.render.ProgressPrinter;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.kvm.memory.HostMemory;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code vmferry quickstart}. */
@Command(
    name = "quickstart",
    sortOptions = false,
    description = {
      "Shows a migration: two nodes, a guest that checks its memory, and proof that it moved.",
      "Starts both nodes on this host and ends them; leaves nothing behind."
    })
final class QuickstartCommand implements Callable<Integer> {
  // Beside the guest's memory on both nodes: three JVMs.
  private static final long BESIDE_GUESTS_BYTES = 512L << 20;

  private final Console console;

  @Spec private CommandSpec spec;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description = {
        "${COMPLETION-CANDIDATES}: copy first, fetch pages",
        "afterwards, or hand the memory itself over. Default: precopy."
      })
  private Mode mode = Mode.precopy;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Guest memory, 256M or more. Default: 512M.")
  private ByteSize memory = new ByteSize(512L << 20);

  @Option(
      names = "--json",
      description = "Print the result as one JSON object, the last line of stdout.")
  private boolean json;

  /** The modes there are. */
  enum Mode {
    precopy,
    postcopy,
    hybrid,
    local
  }

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  QuickstartCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    QuickstartPlan plan = plan();
    console.setJson(json || console.json());
    requireHost(plan);
    QuickstartResult result;
    try {
      result = Quickstart.run(plan, new Narrator());
    } catch (QuickstartFailure | NodeChildFailure e) {
      throw new CommandFailure(ExitCodes.FAILED, e.getMessage() + ".", e);
    } catch (NodeException e) {
      throw new CommandFailure(ExitCodes.FAILED, ProblemText.of(e.problem()), e);
    }
    if (!result.ok()) {
      throw new CommandFailure(
          ExitCodes.FAILED, "The migration did not pass every check; see the lines above.");
    }
    return ExitCodes.OK;
  }

  private QuickstartPlan plan() {
    if (memory.bytes() < QuickstartPlan.MIN_MEMORY_BYTES || memory.bytes() % 4096 != 0) {
      throw new ParameterException(
          spec.commandLine(),
          "--memory "
              + Sizes.format(memory.bytes())
              + ": write "
              + Sizes.format(QuickstartPlan.MIN_MEMORY_BYTES)
              + " or more, in whole pages of 4 KiB");
    }
    return QuickstartPlan.of(mode.name(), memory.bytes());
  }

  private static void requireHost(QuickstartPlan plan) throws IOException {
    for (Finding finding : Doctor.examine().checks()) {
      if (finding.status() == Finding.Status.FAIL) {
        throw new CommandFailure(
            ExitCodes.FAILED,
            "This host cannot run the quickstart yet: "
                + finding.found()
                + (finding.fix() == null ? "" : ". " + finding.fix())
                + ".");
      }
    }
    long needed = 2 * plan.memoryBytes() + BESIDE_GUESTS_BYTES;
    long available = HostMemory.availableBytes();
    if (available < needed) {
      throw new CommandFailure(
          ExitCodes.FAILED,
          "The quickstart needs "
              + Sizes.format(needed)
              + " of memory, for the guest on both nodes, and this host has "
              + Sizes.format(available)
              + " available: stop something, or give --memory less.");
    }
  }

  private final class Narrator implements Quickstart.Listener {
    private final ProgressPrinter printer = new ProgressPrinter(console.terminal());

    @Override
    public void step(String line) {
      console.note(line);
    }

    @Override
    public void progress(ProgressView progress) {
      printer.accept(progress);
    }

    @Override
    public void progressEnds(@Nullable SummaryView summary) {
      if (summary == null) {
        printer.finish();
      } else {
        printer.complete(summary);
      }
    }

    @Override
    public void result(QuickstartResult result) {
      if (console.json()) {
        Quickstart.lines(result).forEach(console::note);
      }
      console.print(result, Quickstart.lines(result));
    }
  }
}
