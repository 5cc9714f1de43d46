package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.streams.snapshot.SnapshotCopy;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.StoreKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vmferry offload copy}. */
@Command(
    name = "copy",
    description = {
      "Copies a snapshot between directories and chunk stores.",
      "It is there as a whole or not at all, and encrypted as the keys say: a new key, or none,",
      "for the copy."
    })
final class OffloadCopyCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--from",
      paramLabel = "PLACE",
      required = true,
      description = SnapshotPlace.SYNTAX)
  private String from = "";

  @Option(
      names = "--to",
      paramLabel = "PLACE",
      required = true,
      description = "The same. A store that does not exist is made.")
  private String to = "";

  @Option(names = "--from-key-file", paramLabel = "FILE", description = "The key of the snapshot.")
  private @Nullable Path fromKey;

  @Option(names = "--to-key-file", paramLabel = "FILE", description = "The key of the copy.")
  private @Nullable Path toKey;

  @Mixin private ChunkedFlags chunked = new ChunkedFlags();
  @Mixin private StoreAccessOption access = new StoreAccessOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  OffloadCopyCommand(Console console) {
    this.console = console;
  }

  /** What is printed with -o json. */
  @JsonNaming(SnakeCaseStrategy.class)
  record Copied(String from, String to, long storedBytes) {}

  @Override
  public Integer call() {
    try {
      SnapshotPlace source = SnapshotPlace.parse(from);
      SnapshotPlace target = SnapshotPlace.parse(to);
      SnapshotPlace.Opened<SnapshotReader> opened = source.read(access.access(), load(fromKey));
      try (SnapshotReader reader = opened.snapshot()) {
        copy(reader, target);
      } finally {
        opened.closeStore();
      }
      return ExitCodes.OK;
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    }
  }

  private static @Nullable StoreKey load(@Nullable Path file) throws SnapshotException {
    return file == null ? null : StoreKey.load(file);
  }

  private void copy(SnapshotReader reader, SnapshotPlace target) throws IOException {
    ChunkedWriter.Options options = chunked.options(load(toKey));
    try (Belongings belongings = new Belongings(console)) {
      SnapshotWriter writer =
          belongings
              .open(
                  () -> target.write(access.access(), options),
                  opened -> () -> SnapshotPlace.close(opened))
              .snapshot();
      copy(reader, writer, progress.on(console));
      console.print(
          new Copied(from, to, writer.storedBytes()),
          List.of(
              "The copy is in " + target + ", " + Sizes.format(writer.storedBytes()) + " new."));
    }
  }

  private static void copy(SnapshotReader reader, SnapshotWriter writer, OffloadProgress shown)
      throws IOException {
    try {
      shown.begins(reader.config().memoryBytes());
      SnapshotCopy.run(reader, writer, shown::done);
    } finally {
      shown.finish();
    }
  }
}
