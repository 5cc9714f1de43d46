package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.GuestLocation;
import io.vmferry.daemon.api.GuestView;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.Problem;
import io.vmferry.daemon.api.SummaryView;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeUnreachableException;
import io.vmferry.daemon.render.ProgressPrinter;
import io.vmferry.daemon.render.SummaryText;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Follows a migration that a command started, to its end or to Ctrl-C. */
final class MigrationRun {
  // The standard guest reports five times a second on each vCPU.
  private static final Duration VERDICT_LIMIT = Duration.ofSeconds(3);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);

  private final Console console;
  private final NodeClient client;

  MigrationRun(Console console, NodeClient client) {
    this.console = console;
    this.client = client;
  }

  /** Says the id, by which others can look at the migration and steer it. */
  void announce(MigrationView started) {
    console.note("Migration " + started.id() + " has begun.");
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
      SummaryView summary = result.summary();
      if (summary != null) {
        printer.complete(summary);
      }
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
    return report(result, null);
  }

  /**
   * The same with the verdict of a guest that has arrived, if it is one that checks itself.
   *
   * @param destination the node it is on
   */
  int report(MigrationView result, @Nullable NodeClient destination) {
    SummaryView summary = result.summary();
    String vm = result.vm();
    GuestView guest =
        summary == null || destination == null || vm == null ? null : verdict(destination, vm);
    return print(result, summary == null || guest == null ? summary : summary.withGuest(guest));
  }

  /** What the guest says on the destination, or null if it says nothing in time. */
  private static @Nullable GuestView verdict(NodeClient destination, String name) {
    long deadline = System.nanoTime() + VERDICT_LIMIT.toNanos();
    try {
      while (true) {
        VmView vm = destination.vm(name);
        GuestView guest = vm.guest();
        boolean speaks = guest != null && guest.running();
        if (speaks || !vm.state().equals("running") || System.nanoTime() - deadline > 0) {
          return speaks ? guest : null;
        }
        LockSupport.parkNanos(LOOK_AGAIN.toNanos());
      }
    } catch (IOException e) {
      // The migration has ended well, and that is what the caller waits to hear.
      return null;
    }
  }

  private int print(MigrationView result, @Nullable SummaryView summary) {
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
