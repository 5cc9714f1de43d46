package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.SnapshotPlace;
import io.vmferry.daemon.offload.SnapshotServer;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a command that takes many snapshots keeps them. */
final class ServedTarget implements SnapshotServer.Places {
  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Each snapshot becomes a directory in here; made if it does not exist.")
  private @Nullable Path directory;

  @Option(
      names = "--store",
      paramLabel = "STORE",
      description = "Or the chunk store they go to: its directory, or tcp:HOST:PORT.")
  private @Nullable String store;

  @Mixin private StoreKeyOption key = new StoreKeyOption();
  @Mixin private StoreAccessOption access = new StoreAccessOption();

  /**
   * Opens and closes what will be needed: to be told of a wrong key or store by a VMM is late.
   *
   * @throws CommandFailure if the options do not go together
   */
  void check() throws IOException {
    if ((directory == null) == (store == null)) {
      throw new CommandFailure(ExitCodes.USAGE, "Say where snapshots go: --dir, or --store");
    }
    if (directory != null) {
      if (key.load() != null) {
        throw new CommandFailure(ExitCodes.USAGE, "--key-file is for a --store");
      }
      Files.createDirectories(directory);
    } else if (store != null) {
      access.access().openOrCreate(store).close();
    }
  }

  @Override
  public SnapshotPlace place(String name) {
    if (directory != null) {
      return new SnapshotPlace.Directory(directory.resolve(name));
    }
    return new SnapshotPlace.Stored(String.valueOf(store), name);
  }

  /** A store refuses a name that it has. */
  @Override
  public boolean isTaken(String name) {
    return directory != null && Files.exists(directory.resolve(name));
  }

  @Override
  public SnapshotPlace.Opened<SnapshotWriter> open(SnapshotPlace place) throws IOException {
    return place.write(access.access(), new ChunkedWriter.Options(null, true, key.load()));
  }
}
