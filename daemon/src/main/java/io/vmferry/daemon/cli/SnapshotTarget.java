package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.OffloadSocket;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.daemon.units.Durations;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a command that takes a snapshot keeps it, and what it says of it. */
final class SnapshotTarget {
  /** The formats. */
  enum Form {
    dir,
    chunked
  }

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

  /**
   * The place that the options name.
   *
   * @throws CommandFailure if they do not go together
   */
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

  /** Takes the snapshot of whoever comes to the socket. */
  interface Taking {
    /**
     * Blocks until the snapshot is in its place.
     *
     * @return bytes that its memory takes there
     */
    long take(OffloadSocket listening, SnapshotWriter writer, OffloadProgress shown)
        throws IOException;
  }

  /**
   * Takes a snapshot and prints its figures. Whoever interrupts leaves what there was before, and
   * no socket.
   *
   * @param url where to listen
   */
  void keep(Console console, MigrationUrl url, OffloadProgressOption progress, Taking taking)
      throws IOException {
    SnapshotPlace place = place();
    SnapshotPlace.Opened<SnapshotWriter> target =
        place.write(access.access(), chunked.options(key.load()));
    OffloadProgress shown = progress.on(console);
    try (SnapshotWriter writer = target.snapshot();
        OffloadSocket listening = OffloadSocket.open(url, access.tlsDir())) {
      InterruptHook interrupt =
          InterruptHook.register("clean-up", () -> giveUp(console, writer, listening));
      try {
        long start = System.nanoTime();
        long stored = taking.take(listening, writer, shown);
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        shown.finish();
        report(console, place, Taken.of(place, stored, millis));
      } finally {
        interrupt.close();
      }
    } finally {
      shown.finish();
      target.closeStore();
    }
  }

  /** A snapshot that is in its place already stays there. */
  private static void giveUp(Console console, SnapshotWriter writer, OffloadSocket listening) {
    writer.close();
    try {
      listening.close();
    } catch (IOException e) {
      console.note("The socket could not be removed.");
    }
  }

  private static void report(Console console, SnapshotPlace place, Taken taken) {
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
}
