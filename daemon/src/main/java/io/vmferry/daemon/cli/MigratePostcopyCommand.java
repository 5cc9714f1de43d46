package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code vmferry migrate-postcopy}. */
@Command(
    name = "migrate-postcopy",
    description = {
      "Ends the rounds of a hybrid migration: the guest moves now, and what was not sent follows.",
      "For a migration of 'migrate' ask any node of the cluster, for one of 'send-migration' the"
          + " source."
    })
final class MigratePostcopyCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "MIGRATION", description = "Its id, as its progress shows it.")
  private String id = "";

  MigratePostcopyCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    MigrationView now = console.client().switchToPostcopy(id);
    console.print(now, List.of("Migration " + id + " was told to switch to postcopy."));
    return ExitCodes.OK;
  }
}
