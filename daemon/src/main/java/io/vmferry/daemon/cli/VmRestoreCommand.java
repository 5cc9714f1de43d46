package io.vmferry.daemon.cli;

import io.vmferry.actors.snapshot.SnapshotSender;
import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.ReceiveMigrationRequest;
import io.vmferry.daemon.api.VmView;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.client.NodeException;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vmferry vm restore}: the offload daemon beside a node of the same host. */
@Command(
    name = "restore",
    description = {
      "Makes a VM of a snapshot on a node of this host, and lets it go on where it stood.",
      "The snapshot is one of 'vmferry vm snapshot' or 'vmferry offload snapshot'."
    })
final class VmRestoreCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "VM", description = "What the VM shall be called.")
  private String vm = "";

  @Option(names = "--input-dir", paramLabel = "DIR", description = "The snapshot.")
  private @Nullable Path inputDir;

  @Option(names = "--paused", description = "Leave the VM paused.")
  private boolean paused;

  @Option(
      names = "--ondemand",
      description =
          "Start at once, and bring memory as the guest touches it and in the background.")
  private boolean onDemand;

  @Mixin private SnapshotFlags stored = new SnapshotFlags();
  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private StoreAccessOption access = new StoreAccessOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  VmRestoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    SnapshotPlace place = stored.place(inputDir, "--input-dir");
    try {
      SnapshotPlace.Opened<SnapshotReader> source = place.read(access.access(), key.load());
      try (SnapshotReader snapshot = source.snapshot();
          PrivateSocket socket = PrivateSocket.create()) {
        restore(snapshot, socket.url());
      } finally {
        source.closeStore();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
    return ExitCodes.OK;
  }

  private void restore(SnapshotReader snapshot, MigrationUrl url) throws IOException {
    NodeClient client = console.client();
    MigrationView receiving =
        client.receiveMigration(
            new ReceiveMigrationRequest(
                url.toString(), onDemand ? "postcopy" : "local", vm, false, null, null, null));
    OffloadProgress shown = progress.on(console);
    Sandbox sandbox = Sandbox.of(SeccompOption.byDefault());
    try (SnapshotSender sender = new SnapshotSender(snapshot, url, !paused, shown, sandbox)) {
      if (onDemand) {
        sender.restoreOnDemand(true);
      } else {
        sender.restore();
      }
    } catch (IOException e) {
      throw why(client, receiving, e);
    } finally {
      shown.finish();
    }
    MigrationView ended = client.follow(receiving.id(), moving -> {});
    if (!ended.state().equals(MigrationView.COMPLETED)) {
      throw failure(ended);
    }
    VmView restored = client.vm(vm);
    console.print(restored, List.of("VM " + vm + " is restored and " + restored.state() + "."));
  }

  /** The node knows better why it refused the guest. */
  private static RuntimeException why(NodeClient client, MigrationView receiving, IOException cause)
      throws IOException {
    try {
      client.cancelMigration(receiving.id());
    } catch (NodeException e) {
      // It has ended by itself.
    }
    MigrationView ended = client.follow(receiving.id(), moving -> {});
    return ended.problem() != null && !ended.problem().code().equals("CANCELLED")
        ? failure(ended)
        : CommandFailure.of(cause);
  }

  private static CommandFailure failure(MigrationView ended) {
    return new CommandFailure(ExitCodes.FAILED, ProblemText.of(MigrationRun.problem(ended)));
  }
}
