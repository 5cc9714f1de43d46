package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload snapshot}. */
@Command(
    name = "snapshot",
    description = {
      "Waits for a VMM at a UNIX socket or a TCP port and keeps the guest it sends.",
      "The VMM sends it with:",
      "ch-remote send-migration destination_url=unix:SOCKET,local=on, or over TCP with",
      "ch-remote send-migration destination_url=tcp:HOST:PORT[,connections=N][,tls_dir=DIR]"
    })
final class OffloadSnapshotCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--socket",
      paramLabel = "SOCKET",
      description = "The socket to make; SOCKET.lock beside it keeps a second daemon away.")
  private @Nullable Path socket;

  @Option(
      names = "--listen",
      paramLabel = "tcp:HOST:PORT",
      description = "Instead of a socket, for a VMM of another host; port 0 is any free one.")
  private @Nullable String listen;

  @Mixin private SnapshotTarget output = new SnapshotTarget();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadSnapshotCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    SnapshotPlace place = output.place();
    try {
      MigrationUrl url = OffloadAddress.of(socket, listen, "--listen");
      SnapshotPlace.Opened<SnapshotWriter> target = output.write(place);
      try (SnapshotWriter writer = target.snapshot();
          OffloadSocket listening = OffloadSocket.open(url, output.tlsDir())) {
        InterruptHook interrupt =
            InterruptHook.register("clean-up", () -> giveUp(writer, listening));
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
    console.note("Waiting for a VMM at " + listening.listener().url() + " ...");
    long start = System.nanoTime();
    OffloadProgress shown = progress.on(console);
    try {
      long stored = OffloadSnapshot.take(listening, writer, shown);
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      return SnapshotTarget.Taken.of(place, stored, millis);
    } finally {
      shown.finish();
    }
  }

  /** A snapshot that is in its place already stays there. */
  private void giveUp(SnapshotWriter writer, OffloadSocket listening) {
    writer.close();
    try {
      listening.close();
    } catch (IOException e) {
      console.note("The socket could not be removed.");
    }
  }
}
