package io.vmferry.daemon.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.vmferry.daemon.offload.OffloadProgress;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.ManifestFormat;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import io.vmferry.streams.snapshot.store.StoreCheck;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code vmferry offload verify}. */
@Command(
    name = "verify",
    description = {
      "Reads every chunk that snapshots of a chunk store need and checks it against its digest.",
      "The exit code is 1 if anything is missing or damaged."
    })
final class OffloadVerifyCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private StoreOption store = new StoreOption();
  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private OffloadProgressOption progress = new OffloadProgressOption();

  @Parameters(paramLabel = "NAME", arity = "0..*", description = "Which ones. Default: all.")
  private List<String> names = List.of();

  OffloadVerifyCommand(Console console) {
    this.console = console;
  }

  /** What is printed with -o json. */
  @JsonNaming(SnakeCaseStrategy.class)
  record Verified(List<String> snapshots, long chunks, List<String> problems) {}

  @Override
  public Integer call() {
    Verified verified;
    OffloadProgress shown = progress.on(console);
    try (ChunkStore open = store.open()) {
      verified = verify(open, shown);
    } catch (IOException | IllegalArgumentException e) {
      throw CommandFailure.of(e);
    } finally {
      shown.finish();
    }
    console.print(
        verified,
        verified.problems().isEmpty()
            ? List.of(verified.chunks() + " chunks are as they were written.")
            : List.of());
    if (!verified.problems().isEmpty()) {
      verified.problems().forEach(console::note);
      throw new CommandFailure(
          ExitCodes.FAILED, "The store has " + verified.problems().size() + " problems.");
    }
    return ExitCodes.OK;
  }

  private Verified verify(ChunkStore open, OffloadProgress shown) throws IOException {
    names.forEach(SnapshotNames::check);
    List<String> which = names.isEmpty() ? open.names() : names;
    StoreCheck check = new StoreCheck(open, key.load(), shown::done);
    shown.begins(memoryBytes(open, which));
    for (String name : which) {
      check.check(name);
    }
    return new Verified(which, check.checkedChunks(), check.problems());
  }

  private static long memoryBytes(ChunkStore open, List<String> which) throws IOException {
    long sum = 0;
    for (String name : which) {
      sum += memoryBytes(open, name);
    }
    return sum;
  }

  /** None where the manifest cannot be read; the check says what is wrong with it. */
  private static long memoryBytes(ChunkStore open, String name) throws IOException {
    try {
      return ManifestFormat.decode(name, open.manifest(name)).memoryBytes();
    } catch (SnapshotException e) {
      return 0;
    }
  }
}
