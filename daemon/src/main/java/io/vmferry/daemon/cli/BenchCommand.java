package io.vmferry.daemon.cli;

import io.vmferry.actors.guest.MemoryFill;
import io.vmferry.daemon.bench.Bench;
import io.vmferry.daemon.bench.BenchFailure;
import io.vmferry.daemon.bench.BenchPlan;
import io.vmferry.daemon.bench.BenchResult;
import io.vmferry.daemon.bench.BenchText;
import io.vmferry.daemon.bench.LinkShape;
import io.vmferry.daemon.bench.Mode;
import io.vmferry.daemon.bench.Peer;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.process.NodeChildFailure;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code vmferry bench}. */
@Command(
    name = "bench",
    sortOptions = false,
    description = {
      "Measures migrations between two nodes on this host, and peers beside them:",
      "a C program (the limit of the sockets), QEMU, a receiver of one page at a time.",
      "Prints ratios and the goals they should keep to. Figures compare only with",
      "those of the same invocation. Run it on an idle machine."
    })
final class BenchCommand implements Callable<Integer> {
  private final Console console;

  @Spec private CommandSpec spec;

  @Mixin private BenchOptions common = new BenchOptions();

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      split = ",",
      description = {
        "What to measure: precopy, zero (90 %% zero memory), downtime (idle guest),",
        "dirty (guest that writes), postcopy, scale (ten times larger). Default: all."
      })
  private List<String> modes = List.of();

  @Option(
      names = "--connections",
      paramLabel = "N",
      split = ",",
      description = "Connections of precopy. Default: 1,4.")
  private List<Integer> connections = List.of(1, 4);

  @Option(
      names = "--content",
      paramLabel = "random|zero90|free90",
      description = {
        "Guest memory: incompressible, or nine of ten pages zero, or nine of ten stretches of 2 MiB",
        "never used. Default: random."
      })
  private String content = MemoryFill.RANDOM.word();

  @Option(
      names = "--link",
      paramLabel = "LINK",
      description = {
        "none (loopback), 1gbit or 10gbit, and if wanted ,rtt=1ms behind it: two network",
        "namespaces and a pair of interfaces shaped with tc. Needs root. Default: none."
      })
  private String link = LinkShape.NONE.name();

  @Option(
      names = "--peers",
      paramLabel = "PEER",
      split = ",",
      description = "c, qemu, one-page, or none. Default: all; one that is missing is named.")
  private List<String> peers = List.of();

  @Option(
      names = "--no-memory-keeper",
      description = {
        "Do not hold the host's free memory and give it back as a run needs it. On a virtual",
        "machine the hypervisor decides by chance what a cold destination costs then."
      })
  private boolean noMemoryKeeper;

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  BenchCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    BenchPlan plan = plan();
    BenchResult result;
    try {
      result = Bench.run(plan, console::note);
    } catch (BenchFailure | NodeChildFailure e) {
      throw new CommandFailure(ExitCodes.FAILED, e.getMessage() + ".", e);
    } catch (NodeException e) {
      throw new CommandFailure(ExitCodes.FAILED, ProblemText.of(e.problem()), e);
    }
    console.print(result, BenchText.lines(result));
    if (!result.failures().isEmpty()) {
      throw new CommandFailure(
          ExitCodes.FAILED, "Not everything was measured: " + result.failures().get(0) + ".");
    }
    return ExitCodes.OK;
  }

  BenchPlan plan() {
    try {
      return new BenchPlan(
          common.memoryBytes(),
          common.runs(),
          BenchOptions.words("--mode", modes, Mode.values(), Mode::word),
          connections,
          MemoryFill.parse(content),
          LinkShape.parse(link),
          peers(),
          !noMemoryKeeper,
          common.results());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private Set<Peer> peers() {
    return peers.equals(List.of("none"))
        ? EnumSet.noneOf(Peer.class)
        : BenchOptions.words("--peers", peers, Peer.values(), Peer::word);
  }
}
