package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrateRequest;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.options.SendMigrationOptions;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code vmferry migrate}. */
@Command(
    name = "migrate",
    sortOptions = false,
    description = {
      "Migrates a VM of the cluster to another node, through the orchestrator.",
      "With --recover: takes a migration up again that broke after the guest was handed over; ask the"
          + " source."
    })
final class MigrateCommand implements Callable<Integer> {
  private final Console console;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "VM", description = "The VM, on whatever node it is.")
  private String vm = "";

  @ArgGroup(multiplicity = "1")
  private What what = new What();

  /** One of the two. */
  static final class What {
    @Option(names = "--to", paramLabel = "NODE", required = true, description = "Where to.")
    private @Nullable String to;

    @Option(
        names = "--recover",
        required = true,
        description =
            "Reconnect now, without waiting for the next attempt, or after the last one was given"
                + " up. Says why if there is nothing to recover.")
    private boolean recover;
  }

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description =
          "${COMPLETION-CANDIDATES}. precopy copies while the guest runs; postcopy moves the guest"
              + " first; hybrid copies until another round gains little, then moves the guest and"
              + " sends the rest; local hands the memory itself over, on one host. Default:"
              + " precopy.")
  private Mode mode = Mode.precopy;

  @Option(
      names = "--connections",
      paramLabel = "N",
      description = "TCP connections, 1 to " + SendMigrationOptions.MAX_CONNECTIONS + ".")
  private int connections = 1;

  @Option(
      names = "--bandwidth",
      paramLabel = "RATE",
      description = "At most this rate, such as 50M/s or 10Gbit/s. Default: unlimited.")
  private ByteRate bandwidth = new ByteRate(0);

  @Option(
      names = "--downtime",
      paramLabel = "TIME",
      description = "The downtime that precopy aims for. Default: 300ms.")
  private Duration downtime = Duration.ofMillis(SendMigrationOptions.DEFAULT_DOWNTIME_MS);

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description = "How long precopy may try to reach that downtime. Default: 1h.")
  private Duration timeout = Duration.ofSeconds(SendMigrationOptions.DEFAULT_TIMEOUT_S);

  @Option(
      names = "--on-timeout",
      paramLabel = "WHAT",
      description =
          "${COMPLETION-CANDIDATES}: give up then, or switch over whatever it costs. Default:"
              + " cancel.")
  private OnTimeout onTimeout = OnTimeout.cancel;

  @Option(
      names = "--verify",
      description = "Compare digests of the guest's memory on both sides; costs downtime.")
  private boolean verify;

  @Option(
      names = "--compression",
      paramLabel = "HOW",
      description =
          "${COMPLETION-CANDIDATES}: auto compresses while that is faster on the link at hand."
              + " Default: auto.")
  private How compression = How.auto;

  @Option(
      names = "--no-auto-converge",
      description =
          "Do not slow the guest down when it dirties memory faster than precopy sends it.")
  private boolean noAutoConverge;

  /** Migration modes that the orchestrator takes. */
  enum Mode {
    precopy,
    postcopy,
    hybrid,
    local
  }

  /** What happens when the downtime cannot be reached in time. */
  enum OnTimeout {
    cancel,
    ignore
  }

  /** How memory is compressed. */
  enum How {
    auto,
    zstd,
    lz4,
    off
  }

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  MigrateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    NodeClient client = console.client();
    if (what.recover) {
      return recover(client);
    }
    String to = Objects.requireNonNull(what.to, "one of the two is given");
    MigrateRequest request = request(to);
    MigrationRun run = new MigrationRun(console, client);
    MigrationView started = client.migrate(request);
    run.announce(started);
    MigrationView ended = run.follow(started);
    return run.report(ended, destination(client, to));
  }

  private int recover(NodeClient client) throws IOException {
    VmView now = client.recover(vm);
    console.print(now, List.of("Migration " + now.migrationId() + " of VM " + vm + " goes on."));
    return ExitCodes.OK;
  }

  /** A client of the destination's routes, or null if this host does not know or reach them. */
  private @Nullable NodeClient destination(NodeClient client, String to) {
    try {
      return client.cluster().nodes().stream()
          .filter(node -> node.name().equals(to) && !node.http().isEmpty())
          .findFirst()
          .map(node -> client.of(URI.create(node.http())))
          .orElse(null);
    } catch (IOException e) {
      return null;
    }
  }

  private MigrateRequest request(String to) {
    if (connections < 1 || connections > SendMigrationOptions.MAX_CONNECTIONS) {
      throw wrong(
          "--connections "
              + connections
              + ": write a number from 1 to "
              + SendMigrationOptions.MAX_CONNECTIONS);
    }
    if (downtime.toMillis() < 1) {
      throw wrong("--downtime must be 1ms or more");
    }
    if (timeout.toSeconds() < 1) {
      throw wrong("--timeout must be 1s or more");
    }
    return new MigrateRequest(
        vm,
        to,
        mode.name(),
        connections,
        bandwidth.bytesPerSecond(),
        downtime.toMillis(),
        timeout.toSeconds(),
        onTimeout.name(),
        verify,
        compression.name(),
        !noAutoConverge);
  }

  private ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
