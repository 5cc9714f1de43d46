package io.vmferry.daemon.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Groups the commands about one node's VMs. */
@Command(name = "vm", description = "Makes, runs and looks at the VMs of a node.")
final class VmCommand implements Runnable {
  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  VmCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say which vm command");
  }
}
