package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.render.Table;
import io.vmferry.daemon.units.Sizes;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.Manifest;
import io.vmferry.streams.snapshot.store.ManifestFormat;
import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The commands that look after a chunk store. */
final class StoreCommands {
  private StoreCommands() {}

  /** {@code vmferry offload list}. */
  @Command(name = "list", description = "Lists the snapshots in a chunk store. Needs no key.")
  static final class ListAll implements Callable<Integer> {
    private final Console console;
    @Mixin private StoreOption store = new StoreOption();

    ListAll(Console console) {
      this.console = console;
    }

    /** One snapshot; without figures if its manifest cannot be read. */
    @JsonNaming(SnakeCaseStrategy.class)
    record Row(
        String name,
        @Nullable String problem,
        @Nullable String created,
        @Nullable String generation,
        @Nullable String parent,
        @Nullable String keyFingerprint,
        @Nullable Long memoryBytes,
        @Nullable Long dataBytes,
        @Nullable Long storedBytes) {

      static Row of(Manifest manifest) {
        Manifest.Parent parent = manifest.parent();
        return new Row(
            manifest.name(),
            null,
            manifest.created().toString(),
            manifest.generation().toString(),
            parent == null ? null : parent.name(),
            manifest.keyFingerprint(),
            manifest.memoryBytes(),
            manifest.dataBytes(),
            manifest.storedBytes());
      }

      static Row of(String name, SnapshotException failure) {
        return new Row(name, failure.getMessage(), null, null, null, null, null, null, null);
      }
    }

    /** What is printed with -o json. */
    record Rows(List<Row> snapshots) {}

    @Override
    public Integer call() {
      List<Row> rows = new ArrayList<>();
      Table table = new Table("NAME", "CREATED", "MEMORY", "DATA", "STORED", "KEY", "PARENT");
      try (ChunkStore open = store.open()) {
        for (String name : open.names()) {
          try {
            Manifest manifest = ManifestFormat.decode(name, open.manifest(name));
            rows.add(Row.of(manifest));
            add(table, manifest);
          } catch (SnapshotException e) {
            rows.add(Row.of(name, e));
            table.row(name, "damaged", "-", "-", "-", "-", "-");
          }
        }
      } catch (IOException | IllegalArgumentException e) {
        throw CommandFailure.of(e);
      }
      console.print(new Rows(rows), rows.isEmpty() ? List.of("No snapshots.") : table.lines());
      return ExitCodes.OK;
    }

    private static void add(Table table, Manifest manifest) {
      String key = manifest.keyFingerprint();
      Manifest.Parent parent = manifest.parent();
      table.row(
          manifest.name(),
          manifest.created().truncatedTo(ChronoUnit.SECONDS).toString(),
          Sizes.format(manifest.memoryBytes()),
          Sizes.format(manifest.dataBytes()),
          Sizes.format(manifest.storedBytes()),
          key == null ? "-" : key.substring(0, 8),
          parent == null ? "-" : parent.name());
    }
  }

  /** {@code vmferry offload remove}. */
  @Command(
      name = "remove",
      description = {
        "Removes a snapshot from a chunk store.",
        "The room it takes is free after offload gc. Snapshots that name it as their parent need",
        "nothing of it."
      })
  static final class Remove implements Callable<Integer> {
    private final Console console;
    @Mixin private StoreOption store = new StoreOption();

    @Option(names = "--name", paramLabel = "NAME", required = true, description = "Which one.")
    private String name = "";

    Remove(Console console) {
      this.console = console;
    }

    /** What is printed with -o json. */
    record Removed(String removed) {}

    @Override
    public Integer call() {
      try (ChunkStore open = store.open()) {
        open.remove(name);
      } catch (IOException | IllegalArgumentException e) {
        throw CommandFailure.of(e);
      }
      console.print(new Removed(name), List.of("Snapshot " + name + " is removed."));
      return ExitCodes.OK;
    }
  }

  /** {@code vmferry offload gc}. */
  @Command(
      name = "gc",
      description = {
        "Removes what no snapshot of a chunk store needs.",
        "That is chunks of removed snapshots, and what writers that were killed left behind.",
        "Refused while a snapshot is being written."
      })
  static final class Collect implements Callable<Integer> {
    private final Console console;
    @Mixin private StoreOption store = new StoreOption();

    @Option(names = "--dry-run", description = "Only say what would be removed.")
    private boolean dryRun;

    Collect(Console console) {
      this.console = console;
    }

    /** What is printed with -o json. */
    @JsonNaming(SnakeCaseStrategy.class)
    record Collected(long chunks, long bytes, boolean dryRun) {}

    @Override
    public Integer call() {
      ChunkStore.Garbage garbage;
      try (ChunkStore open = store.open()) {
        garbage = open.collect(dryRun);
      } catch (IOException | IllegalArgumentException e) {
        throw CommandFailure.of(e);
      }
      console.print(
          new Collected(garbage.chunks(), garbage.bytes(), dryRun),
          List.of(
              (dryRun ? "Would remove " : "Removed ")
                  + garbage.chunks()
                  + " chunks, "
                  + Sizes.format(garbage.bytes())
                  + "."));
      return ExitCodes.OK;
    }
  }
}
