package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSnapshot;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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

  /** The formats. */
  enum Form {
    dir,
    chunked
  }

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

  @Option(
      names = "--output-dir",
      paramLabel = "DIR",
      description = "Where to. A snapshot that is there is replaced once the new one is whole.")
  private @Nullable Path outputDir;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "${COMPLETION-CANDIDATES}. Default: what --output-dir or --store is for, in this order.")
  private @Nullable Form format;

  @Mixin private SnapshotFlags stored = new SnapshotFlags();
  @Mixin private ChunkedFlags chunked = new ChunkedFlags();
  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private StoreAccessOption access = new StoreAccessOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadSnapshotCommand(Console console) {
    this.console = console;
  }

  /** What is printed with -o json. */
  @JsonNaming(SnakeCaseStrategy.class)
  record Taken(
      @Nullable String outputDir,
      @Nullable String store,
      @Nullable String name,
      long storedBytes,
      long totalMs) {

    static Taken of(SnapshotPlace place, long storedBytes, long totalMs) {
      return place instanceof SnapshotPlace.Stored in
          ? new Taken(null, in.store(), in.name(), storedBytes, totalMs)
          : new Taken(place.toString(), null, null, storedBytes, totalMs);
    }
  }

  @Override
  public Integer call() {
    SnapshotPlace place = place();
    try {
      MigrationUrl url = OffloadAddress.of(socket, listen, "--listen");
      SnapshotPlace.Opened<SnapshotWriter> target =
          place.write(access.access(), chunked.options(key.load()));
      try (SnapshotWriter writer = target.snapshot();
          OffloadSocket listening = OffloadSocket.open(url, access.tlsDir())) {
        InterruptHook interrupt =
            InterruptHook.register("clean-up", () -> giveUp(writer, listening));
        try {
          report(place, take(place, writer, listening));
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

  private SnapshotPlace place() {
    SnapshotPlace place = stored.place(outputDir, "--output-dir");
    boolean isChunked = place instanceof SnapshotPlace.Stored;
    if (format != null && (format == Form.chunked) != isChunked) {
      throw new CommandFailure(
          ExitCodes.USAGE, "--format dir goes with --output-dir, --format chunked with --store");
    }
    if (chunked.any() && !isChunked) {
      throw new CommandFailure(
          ExitCodes.USAGE, "--parent and --compression are for a snapshot in a --store");
    }
    return place;
  }

  private Taken take(SnapshotPlace place, SnapshotWriter writer, OffloadSocket listening)
      throws IOException {
    console.note("Waiting for a VMM at " + listening.listener().url() + " ...");
    long start = System.nanoTime();
    OffloadProgress shown = progress.on(console);
    try {
      long stored = OffloadSnapshot.take(listening, writer, shown);
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      return Taken.of(place, stored, millis);
    } finally {
      shown.finish();
    }
  }

  private void report(SnapshotPlace place, Taken taken) {
    console.print(
        taken,
        List.of(
            "The snapshot is in "
                + place
                + ", "
                + Sizes.format(taken.storedBytes())
                + (place instanceof SnapshotPlace.Stored ? " new in the store" : " of memory")
                + ", after "
                + Durations.formatMillis((double) taken.totalMs())
                + "."));
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
