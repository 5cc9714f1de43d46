package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.options.ReceiveMigrationOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code vmferry receive-migration}. */
@Command(
    name = "receive-migration",
    description = {
      "Lets this node wait for one VM, and follows its migration to the end.",
      "The sender may be Cloud Hypervisor."
    })
final class ReceiveMigrationCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      paramLabel = "OPTIONS",
      description = {
        ReceiveMigrationOptions.SYNTAX,
        "Port 0 lets the host choose a port. Defaults: the VM's own name, verify off."
      })
  private String options = "";

  ReceiveMigrationCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    ReceiveMigrationRequest request = ReceiveMigrationOptions.parse(options);
    NodeClient client = console.client();
    MigrationRun run = new MigrationRun(console, client);
    MigrationView started = client.receiveMigration(request);
    console.note(
        "Waiting at " + (started.url() == null ? request.receiverUrl() : started.url()) + " ...");
    return run.report(run.follow(started), client);
  }
}
