package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeUnreachableException;
import io.vmferry.daemon.render.ProgressPrinter;
import io.vmferry.daemon.render.SummaryText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Follows a migration that a command started, to its end or to Ctrl-C. */
final class MigrationRun {
  private final Console console;
  private final NodeClient client;

  MigrationRun(Console console, NodeClient client) {
    this.console = console;
    this.client = client;
  }

  /**
   * Shows progress and waits. Ctrl-C meanwhile cancels the migration.
   *
   * @return its final state
   * @throws CommandFailure if the node was lost meanwhile
   */
  MigrationView follow(MigrationView started) throws IOException {
    ProgressPrinter printer = new ProgressPrinter(console.terminal());
    try (CancelOnInterrupt interrupt =
        CancelOnInterrupt.register(console, client, started.id(), printer)) {
      MigrationView result = client.follow(started.id(), printer::accept);
      interrupt.yieldIfInterrupted();
      return result;
    } catch (NodeUnreachableException e) {
      throw new CommandFailure(
          ExitCodes.UNREACHABLE,
          "The node at "
              + e.node()
              + " stopped answering while migration "
              + started.id()
              + " was under way, which may still be going on. When the node is back, see where the"
              + " guest is with 'vmferry vm list' on both nodes.",
          e);
    } finally {
      printer.finish();
    }
  }

  /** Prints the figures of a completed migration, or says why there are none. */
  int report(MigrationView result) {
    SummaryView summary = result.summary();
    if (result.state().equals(MigrationView.COMPLETED) && summary != null) {
      List<String> lines = new ArrayList<>();
      lines.add(title(result));
      lines.addAll(SummaryText.lines(summary));
      console.print(summary, lines);
      boolean damaged =
          Boolean.FALSE.equals(summary.digestsMatch())
              || (summary.mismatches() != null && summary.mismatches() > 0);
      if (damaged) {
        throw new CommandFailure(
            ExitCodes.FAILED,
            "The guest's memory is not what it was on the source. Keep both nodes' logs.");
      }
      return ExitCodes.OK;
    }
    if (console.json()) {
      console.print(result, List.of());
    }
    Problem problem = problem(result);
    throw new CommandFailure(ProblemText.exitCode(problem), ProblemText.of(problem));
  }

  /** Why a migration ended without success. */
  static Problem problem(MigrationView result) {
    Problem problem = result.problem();
    if (problem != null) {
      return problem;
    }
    return switch (result.state()) {
      case MigrationView.COMPLETED ->
          new Problem(
              "NO_SUMMARY",
              "Migration " + result.id() + " completed, but the node has no figures of it",
              GuestLocation.DESTINATION,
              null,
              result.id());
      case MigrationView.CANCELLED ->
          new Problem(
              "CANCELLED",
              "Migration " + result.id() + " was cancelled",
              GuestLocation.SOURCE,
              null,
              result.id());
      default ->
          new Problem(
              "UNEXPLAINED",
              "Migration " + result.id() + " ended as " + result.state() + " without a reason",
              null,
              "Look at the node's log and at 'vmferry vm list' on both nodes",
              result.id());
    };
  }

  private static String title(MigrationView result) {
    String what = result.vm() == null ? "A VM" : "VM " + result.vm();
    String to = result.to() == null ? "" : " to " + result.to();
    return what + " migrated" + to + " (" + result.id() + "):";
  }
}
