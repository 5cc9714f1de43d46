package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.streams.snapshot.DirectoryWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload snapshot}. */
@Command(
    name = "snapshot",
    description = {
      "Waits for a VMM at a UNIX socket and keeps the guest it sends in a directory.",
      "The VMM sends it with: ch-remote send-migration destination_url=unix:SOCKET,local=on"
    })
final class OffloadSnapshotCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--socket",
      paramLabel = "SOCKET",
      required = true,
      description = "The socket to make; SOCKET.lock beside it keeps a second daemon away.")
  private Path socket = Path.of("");

  @Option(
      names = "--output-dir",
      paramLabel = "DIR",
      required = true,
      description = "Where to. A snapshot that is there is replaced once the new one is whole.")
  private Path outputDir = Path.of("");

  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadSnapshotCommand(Console console) {
    this.console = console;
  }

  /** What is printed with -o json. */
  @JsonNaming(SnakeCaseStrategy.class)
  record Taken(String outputDir, long storedBytes, long totalMs) {}

  @Override
  public Integer call() {
    try (DirectoryWriter writer = DirectoryWriter.begin(outputDir);
        OffloadSocket listening = OffloadSocket.open(socket)) {
      InterruptHook interrupt = InterruptHook.register("clean-up", () -> giveUp(writer, listening));
      try {
        report(take(writer, listening));
        return ExitCodes.OK;
      } finally {
        interrupt.close();
      }
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private Taken take(DirectoryWriter writer, OffloadSocket listening) throws IOException {
    console.note("Waiting for a VMM at " + socket + " ...");
    long start = System.nanoTime();
    OffloadProgress shown = progress.on(console);
    try {
      long stored = OffloadSnapshot.take(listening, writer, shown);
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      return new Taken(outputDir.toString(), stored, millis);
    } finally {
      shown.finish();
    }
  }

  private void report(Taken taken) {
    console.print(
        taken,
        List.of(
            "The snapshot is in "
                + taken.outputDir()
                + ", "
                + Sizes.format(taken.storedBytes())
                + " of memory, after "
                + Durations.formatMillis((double) taken.totalMs())
                + "."));
  }

  /** A snapshot that is in its place already stays there. */
  private void giveUp(DirectoryWriter writer, OffloadSocket listening) {
    writer.close();
    try {
      listening.close();
    } catch (IOException e) {
      console.note("The socket " + socket + " could not be removed.");
    }
  }
}
