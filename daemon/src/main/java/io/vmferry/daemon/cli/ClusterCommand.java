package io.vmferry.daemon.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Groups the commands about the cluster. */
@Command(name = "cluster", description = "Looks at the cluster that a node belongs to.")
final class ClusterCommand implements Runnable {
  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  ClusterCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say which cluster command");
  }
}
