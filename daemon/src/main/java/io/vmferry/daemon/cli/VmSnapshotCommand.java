package io.vmferry.daemon.cli;

import io.vmferry.daemon.api.MigrationView;
import io.vmferry.daemon.api.SendMigrationRequest;
import io.vmferry.daemon.client.NodeClient;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.streams.snapshot.SnapshotWriter;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
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
    SnapshotPlace place = output.place();
    try {
      SnapshotPlace.Opened<SnapshotWriter> target = output.write(place);
      try (SnapshotWriter writer = target.snapshot();
          PrivateSocket socket = PrivateSocket.create();
          OffloadSocket listening = OffloadSocket.open(socket.url(), null)) {
        InterruptHook interrupt = InterruptHook.register("clean-up", writer::close);
        try {
          SnapshotTarget.report(console, place, take(place, writer, listening));
          return ExitCodes.OK;
        } finally {
          interrupt.close();
        }
      } finally {
        target.closeStore();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private SnapshotTarget.Taken take(
      SnapshotPlace place, SnapshotWriter writer, OffloadSocket listening) throws IOException {
    long start = System.nanoTime();
    OffloadProgress shown = progress.on(console);
    FutureTask<Long> receiving =
        new FutureTask<>(() -> OffloadSnapshot.take(listening, writer, shown));
    Thread thread = new Thread(receiving, "snapshot");
    thread.setDaemon(true);
    thread.start();
    try {
      send(listening.listener().url().toString());
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      return SnapshotTarget.Taken.of(place, receiving.get(), millis);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the snapshot was taken", e);
    } finally {
      shown.finish();
    }
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
