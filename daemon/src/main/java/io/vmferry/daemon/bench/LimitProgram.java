package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.bench.RunFigures.Faults;
import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The C program limit.c, which is compiled on this host: what plain reads and writes reach. */
final class LimitProgram {
  private static final long LIMIT_S = 900;
  // Filling is the longest: some seconds for 4 GiB.
  private static final long READY_S = 120;

  private final Path program;
  private final Network network;
  private final Cleanup cleanup;

  private LimitProgram(Path program, Network network, Cleanup cleanup) {
    this.program = program;
    this.network = network;
    this.cleanup = cleanup;
  }

  /**
   * Compiles it.
   *
   * @param reasons gets the sentence that says why it cannot run
   * @return null if it cannot
   */
  static @Nullable LimitProgram compile(
      Path directory, Network network, Cleanup cleanup, List<String> reasons)
      throws IOException, InterruptedException {
    Path program = NativeProgram.compile("limit", directory, "c", reasons);
    return program == null ? null : new LimitProgram(program, network, cleanup);
  }

  /** Sends memory over so many connections. */
  RunFigures transfer(long memoryBytes, int connections, boolean warm)
      throws IOException, InterruptedException {
    String bytes = Long.toString(memoryBytes);
    String n = Integer.toString(connections);
    try (PeerProcess to = start(Side.DESTINATION, "receive", bytes, n, warm ? "warm" : "cold")) {
      int port = to.number("port", READY_S);
      try (PeerProcess from = start(Side.SOURCE, "send", Integer.toString(port), bytes, n)) {
        JsonNode sent = from.json(LIMIT_S);
        JsonNode received = to.json(READY_S);
        return RunFigures.timed(
            Contender.C,
            memoryBytes,
            sent.get("seconds").asDouble() * 1e3,
            ProcessUse.cpu(sent.get("cpu_seconds").asDouble()),
            ProcessUse.cpu(received.get("cpu_seconds").asDouble()));
      }
    }
  }

  /** What runs beside page faults. */
  enum Load {
    /** Nothing. */
    IDLE(20_000),
    /** A bulk transfer. */
    BULK(20_000),
    /** A bulk transfer, and 2 ms between two touches. */
    PACED(1_500),
    /** A bulk transfer, and as many threads that compute as the guest beside has vCPUs. */
    BUSY(20_000);

    private final int samples;

    Load(int samples) {
      this.samples = samples;
    }

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Page faults that are answered over a socket. */
  FaultRun faults(long memoryBytes, Load beside) throws IOException, InterruptedException {
    String bytes = Long.toString(memoryBytes);
    String load = beside.word();
    try (PeerProcess serve = start(Side.SOURCE, "serve", bytes, load)) {
      int port = serve.number("port", READY_S);
      try (PeerProcess ask =
          start(
              Side.DESTINATION,
              "ask",
              network.address(Side.SOURCE),
              Integer.toString(port),
              bytes,
              Integer.toString(beside.samples),
              load)) {
        JsonNode said = ask.json(LIMIT_S);
        Faults handled =
            new Faults(
                (long) beside.samples,
                said.get("handled_p50_us").asDouble(),
                said.get("handled_p99_us").asDouble());
        Faults touched =
            new Faults(
                (long) beside.samples,
                said.get("touch_p50_us").asDouble(),
                said.get("touch_p99_us").asDouble());
        return new FaultRun(
            new RunFigures(
                Contender.C + "/" + load,
                memoryBytes,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                handled,
                touched),
            said.get("bulk_bytes_per_second").asLong());
      }
    }
  }

  private PeerProcess start(Side side, String command, String... arguments) throws IOException {
    List<String> line = new ArrayList<>(network.prefix(side));
    line.addAll(List.of(program.toString(), command));
    if (command.equals("send")) {
      line.add(network.address(Side.DESTINATION));
    } else if (!command.equals("ask")) {
      line.add(network.address(side));
    }
    line.addAll(List.of(arguments));
    return PeerProcess.start("limit " + command, line, cleanup);
  }

  /**
   * Page faults of one run.
   *
   * @param figures as the handler saw them, and as the thread did that touched the pages
   * @param bulkBytesPerSecond what went beside them
   */
  record FaultRun(RunFigures figures, long bulkBytesPerSecond) {}
}
