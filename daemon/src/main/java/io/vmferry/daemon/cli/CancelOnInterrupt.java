package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.render.ProgressPrinter;
import java.io.IOException;
import java.time.Duration;

/**
 * While registered, Ctrl-C (or a TERM signal) cancels a migration before the command ends, and says
 * where the guest is. The exit status is then the signal's, 130 or 143.
 */
final class CancelOnInterrupt implements AutoCloseable {
  private static final Duration CANCEL_LIMIT = Duration.ofSeconds(15);

  private final Console console;
  private final NodeClient client;
  private final String id;
  private final ProgressPrinter printer;
  private final InterruptHook hook;

  private CancelOnInterrupt(
      Console console, NodeClient client, String id, ProgressPrinter printer) {
    this.console = console;
    this.client = client;
    this.id = id;
    this.printer = printer;
    this.hook = InterruptHook.register("cancel-migration", this::cancel);
  }

  static CancelOnInterrupt register(
      Console console, NodeClient client, String id, ProgressPrinter printer) {
    return new CancelOnInterrupt(console, client, id, printer);
  }

  /** Leaves the last word to the hook if the JVM is going down; does not return then. */
  void yieldIfInterrupted() {
    hook.yieldIfInterrupted();
  }

  @Override
  public void close() {
    hook.close();
  }

  private void cancel() {
    printer.finish();
    console.note("Cancelling migration " + id + " ...");
    console.note(outcome());
  }

  private String outcome() {
    try {
      client.cancelMigration(id);
      return describe(client.awaitFinal(id, CANCEL_LIMIT));
    } catch (IOException e) {
      return unanswered(e);
    }
  }

  /** A refusal to cancel can mean that the migration is over; its state tells. */
  private String unanswered(IOException refusal) {
    try {
      return describe(client.awaitFinal(id, CANCEL_LIMIT));
    } catch (IOException e) {
      return "Migration "
          + id
          + " could not be cancelled: "
          + refusal.getMessage()
          + ". See where the guest is with 'vmferry vm list' on both nodes.";
    }
  }

  private String describe(MigrationView view) {
    if (!view.isFinal()) {
      return "Migration "
          + id
          + " is still being cancelled. See where the guest is with 'vmferry vm list' on both nodes.";
    }
    if (view.state().equals(MigrationView.COMPLETED)) {
      return "Migration "
          + id
          + " had completed before it could be cancelled. The guest is on the destination.";
    }
    return ProblemText.of(MigrationRun.problem(view));
  }
}
