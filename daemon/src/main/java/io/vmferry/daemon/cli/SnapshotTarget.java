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
import java.util.function.Consumer;
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
   * @param before hears the place, before anything is opened
   */
  void keep(
      Console console,
      MigrationUrl url,
      OffloadProgressOption progress,
      Consumer<SnapshotPlace> before,
      Taking taking)
      throws IOException {
    SnapshotPlace place = place();
    before.accept(place);
    try (Belongings belongings = new Belongings(console)) {
      // A snapshot that is in its place already stays there.
      SnapshotWriter writer =
          belongings
              .open(
                  () -> place.write(access.access(), chunked.options(key.load())),
                  opened -> () -> SnapshotPlace.close(opened))
              .snapshot();
      OffloadSocket listening =
          belongings.open(() -> OffloadSocket.open(url, access.tlsDir()), opened -> opened::close);
      long start = System.nanoTime();
      long stored = take(taking, listening, writer, progress.on(console));
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      report(console, place, Taken.of(place, stored, millis));
    }
  }

  private static long take(
      Taking taking, OffloadSocket listening, SnapshotWriter writer, OffloadProgress shown)
      throws IOException {
    try {
      return taking.take(listening, writer, shown);
    } finally {
      shown.finish();
    }
  }

  private static void report(Console console, SnapshotPlace place, Taken taken) {
    console.print(
        taken,
        List.of("The snapshot is in " + figures(place, taken.storedBytes(), taken.totalMs())));
  }

  /** Where a snapshot is, what it takes there, and how long it took: the end of a sentence. */
  static String figures(SnapshotPlace place, long storedBytes, long totalMs) {
    return place
        + ", "
        + Sizes.format(storedBytes)
        + (place instanceof SnapshotPlace.Stored ? " new in the store" : " of memory")
        + ", after "
        + Durations.formatMillis((double) totalMs)
        + ".";
  }
}
