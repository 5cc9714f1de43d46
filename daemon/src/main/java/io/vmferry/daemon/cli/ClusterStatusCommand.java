package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.ClusterView;
import io.vmferry.daemon.api.NodeView;
import io.vmferry.daemon.render.Table;
import io.vmferry.daemon.units.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code vmferry cluster status}. */
@Command(name = "status", description = "Shows the nodes, their capacity and their VMs.")
final class ClusterStatusCommand implements Callable<Integer> {
  private final Console console;

  ClusterStatusCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    ClusterView cluster = console.client().cluster();
    console.print(cluster, lines(cluster));
    return ExitCodes.OK;
  }

  static List<String> lines(ClusterView cluster) {
    Table table = new Table("NODE", "STATUS", "CORES", "MEMORY", "AVAILABLE", "HTTP", "VMS");
    for (NodeView node : cluster.nodes()) {
      table.row(
          node.name(),
          node.status(),
          Integer.toString(node.cpus()),
          Sizes.format(node.memoryBytes()),
          Sizes.format(node.memoryAvailableBytes()),
          node.http(),
          node.vms().isEmpty() ? "-" : String.join(",", node.vms()));
    }
    List<String> lines = new ArrayList<>(table.lines());
    lines.add(
        "Asked "
            + cluster.self()
            + "; orchestrator on "
            + (cluster.orchestrator() == null ? "no node yet" : cluster.orchestrator()));
    return lines;
  }
}
