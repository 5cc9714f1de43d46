package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vmferry.actors.snapshot.SnapshotProgress;
import io.vmferry.daemon.offload.MetricsEndpoint;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.offload.SnapshotServer;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload serve}. */
@Command(
    name = "serve",
    description = {
      "Takes snapshots of every VMM that comes to a UNIX socket, many at once.",
      "Each is called GUEST-TIME. A VMM that shall go on afterwards sends it with:",
      "vmferry send-migration VM destination_url=unix:SOCKET,local=on,preserve_source=on",
      "Runs until it is ended; -o json prints one object a snapshot, a line each."
    })
final class OffloadServeCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--socket",
      paramLabel = "SOCKET",
      required = true,
      description = "The socket to make; SOCKET.lock beside it keeps a second daemon away.")
  private Path socket = Path.of("");

  @Option(
      names = "--metrics",
      paramLabel = "HOST:PORT",
      description =
          "Serve /metrics there for Prometheus, on a loopback address, to whoever asks; port 0 for a"
              + " free one. Default: nowhere.")
  private @Nullable String metrics;

  @Mixin private ServedTarget target = new ServedTarget();
  @Mixin private LandlockOption landlock = new LandlockOption();
  @Mixin private SeccompOption seccomp = new SeccompOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadServeCommand(Console console) {
    this.console = console;
  }

  /** What is printed of each snapshot with -o json; {@code error} if there is none. */
  @JsonNaming(SnakeCaseStrategy.class)
  record Served(
      @Nullable String name,
      @Nullable String place,
      @Nullable Long memoryBytes,
      @Nullable Long storedBytes,
      @Nullable Long totalMs,
      @Nullable String error) {}

  @Override
  public Integer call() throws InterruptedException {
    landlock.bind(console, LandlockOption.around(target.place("any"), socket));
    PrometheusMeterRegistry registry = MetricsEndpoint.registry();
    try {
      target.check();
      try (MetricsEndpoint endpoint = metrics(registry)) {
        if (endpoint != null) {
          console.note("Metrics are at " + endpoint.url());
        }
        serve(registry);
        return ExitCodes.OK;
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private @Nullable MetricsEndpoint metrics(PrometheusMeterRegistry registry) throws IOException {
    return metrics == null
        ? null
        : MetricsEndpoint.start((MigrationUrl.Tcp) MigrationUrl.parse("tcp:" + metrics), registry);
  }

  private void serve(PrometheusMeterRegistry registry) throws IOException, InterruptedException {
    OffloadSocket listening = OffloadSocket.open(new MigrationUrl.Unix(socket), null);
    try (SnapshotServer server =
        new SnapshotServer(listening, target, new Printer(), registry, seccomp.mode())) {
      InterruptHook interrupt = InterruptHook.register("close-socket", () -> close(server));
      try {
        console.note("Waiting for VMMs at " + listening.listener().url() + " ...");
        server.run();
        interrupt.yieldIfInterrupted();
      } finally {
        interrupt.close();
      }
    }
  }

  private void close(SnapshotServer server) {
    try {
      server.close();
    } catch (IOException e) {
      console.note("The socket could not be removed.");
    }
  }

  /** Prints what becomes of each; called on several threads. */
  private final class Printer implements SnapshotServer.Follower {
    @Override
    public SnapshotProgress begins(String name) {
      return progress.of(name, console);
    }

    @Override
    public synchronized void taken(SnapshotServer.Taken taken) {
      long millis = taken.after().toMillis();
      console.print(
          new Served(
              taken.name(),
              taken.place().toString(),
              taken.memoryBytes(),
              taken.storedBytes(),
              millis,
              null),
          List.of(
              taken.name()
                  + " is in "
                  + SnapshotTarget.figures(taken.place(), taken.storedBytes(), millis)));
    }

    @Override
    public synchronized void failed(@Nullable String name, String sentence) {
      console.note("vmferry: " + (name == null ? "" : name + ": ") + sentence);
      if (console.json()) {
        console.print(new Served(name, null, null, null, null, sentence), List.of());
      }
    }
  }
}
