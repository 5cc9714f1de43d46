package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.options.SendMigrationOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code vmferry send-migration}. */
@Command(
    name = "send-migration",
    description = {
      "Migrates a VM of this node to a host that waits in receive-migration.",
      "The options have ch-remote's form; the other side may be Cloud Hypervisor."
    })
final class SendMigrationCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(index = "0", paramLabel = "VM", description = "The VM.")
  private String vm = "";

  @Parameters(
      index = "1",
      paramLabel = "OPTIONS",
      description = {
        SendMigrationOptions.SYNTAX,
        "Defaults: precopy, 1 connection, 300 ms, 3600 s, cancel, no bandwidth limit, verify off."
      })
  private String options = "";

  SendMigrationCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    SendMigrationRequest request = SendMigrationOptions.parse(options);
    NodeClient client = console.client();
    MigrationRun run = new MigrationRun(console, client);
    MigrationView started = client.sendMigration(vm, request);
    run.announce(started);
    return run.report(run.follow(started));
  }
}
