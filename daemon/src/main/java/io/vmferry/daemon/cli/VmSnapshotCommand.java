package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.Workers;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vmferry vm snapshot}: the offload daemon beside a node of the same host. */
@Command(
    name = "snapshot",
    description = {
      "Takes a snapshot of a VM of a node on this host. The VM stands still meanwhile and goes on"
          + " afterwards.",
      "The files are those of 'vmferry offload snapshot'."
    })
final class VmSnapshotCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(paramLabel = "VM", description = "The VM.")
  private String vm = "";

  @Mixin private SnapshotTarget output = new SnapshotTarget();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  VmSnapshotCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try (PrivateSocket socket = PrivateSocket.create()) {
      output.keep(console, socket.url(), progress, place -> {}, this::take);
      return ExitCodes.OK;
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private long take(OffloadSocket listening, SnapshotWriter writer, OffloadProgress shown)
      throws IOException {
    Future<Long> receiving =
        Workers.compute(
            "snapshot",
            () -> OffloadSnapshot.take(listening, writer, shown, SeccompOption.byDefault()));
    send(listening.listener().url().toString());
    return Workers.result(receiving, "the snapshot");
  }

  /** Has the node hand the guest over to this process, and go on with it. */
  private void send(String url) throws IOException {
    NodeClient client = console.client();
    MigrationView started =
        client.sendMigration(
            vm, SendMigrationRequest.to(url, "local").preserveSource(true).build());
    MigrationView ended = client.follow(started.id(), moving -> {});
    if (!ended.state().equals(MigrationView.COMPLETED)) {
      throw new CommandFailure(ExitCodes.FAILED, ProblemText.of(MigrationRun.problem(ended)));
    }
  }
}
