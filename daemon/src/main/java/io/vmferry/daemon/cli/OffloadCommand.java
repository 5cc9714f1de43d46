package io.vmferry.daemon.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Groups the commands of the offload daemon. */
@Command(
    name = "offload",
    description = {
      "Takes and restores snapshots of a VMM, in the place of Cloud Hypervisor's offload_daemon:",
      "the same flags, files and protocol."
    })
final class OffloadCommand implements Runnable {
  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli sets the spec before it parses
  OffloadCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Say which offload command");
  }
}
