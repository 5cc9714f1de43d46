package io.vmferry.daemon.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.bench.Network.Side;
import io.vmferry.daemon.bench.RunFigures.ProcessUse;
import io.vmferry.daemon.process.NodeChild;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** This project's source with a receiver that asks for one page at a time. */
final class OnePagePeer {
  private static final List<String> JVM_OPTIONS = List.of("-Xms64m", "-Xmx512m");
  private static final Duration LIMIT = Duration.ofMinutes(30);
  private static final long READY_S = 60;

  private final BenchNodes nodes;
  private final VmferryRuns runs;
  private final Cleanup cleanup;

  OnePagePeer(BenchNodes nodes, VmferryRuns runs, Cleanup cleanup) {
    this.nodes = nodes;
    this.runs = runs;
    this.cleanup = cleanup;
  }

  RunFigures run(MigrationCase what) throws IOException, InterruptedException {
    runs.boot(what);
    Network network = nodes.network();
    List<String> line = new ArrayList<>(network.prefix(Side.DESTINATION));
    line.addAll(NodeChild.java(JVM_OPTIONS));
    line.addAll(List.of(OnePageReceiver.class.getName(), network.address(Side.DESTINATION)));
    try (PeerProcess receiver = PeerProcess.start("one-page receiver", line, cleanup)) {
      int port = receiver.number("port", READY_S);
      nodes.meter(Side.SOURCE).start();
      String url = "tcp:" + network.address(Side.DESTINATION) + ":" + port;
      MigrationView sending =
          nodes.client(Side.SOURCE).sendMigration(MigrationCase.VM, what.send(url));
      JsonNode said = receiver.json(LIMIT.toSeconds());
      MigrationView left = nodes.client(Side.SOURCE).awaitFinal(sending.id(), LIMIT);
      ProcessUse source = nodes.meter(Side.SOURCE).stop();
      SummaryView summary = left.summary();
      if (summary == null || summary.fullMs() == null) {
        throw new BenchFailure("The source did not complete with the one-page receiver");
      }
      // The receiver is gone by now: its CPU time is not known.
      return figures(what, summary, said.get("pages").asLong(), source);
    }
  }

  private static RunFigures figures(
      MigrationCase what, SummaryView summary, long pages, ProcessUse source) {
    return new RunFigures(
        Contender.ONE_PAGE,
        what.memoryBytes(),
        summary.fullMs(),
        summary.totalMs(),
        summary.transferMs(),
        summary.downtimeMs(),
        summary.resumeMs(),
        summary.fullMs(),
        null,
        pages * 4096,
        source,
        null,
        null,
        null);
  }
}
