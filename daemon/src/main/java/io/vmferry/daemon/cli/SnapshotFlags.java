package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.SnapshotPlace;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which snapshot in a store, beside the flags of Cloud Hypervisor's daemon for a directory. */
final class SnapshotFlags {
  @Option(
      names = "--store",
      paramLabel = "STORE",
      description = "The chunk store that the snapshot is in: its directory, or tcp:HOST:PORT.")
  private @Nullable String store;

  @Option(names = "--name", paramLabel = "NAME", description = "Its name in the store.")
  private @Nullable String name;

  /**
   * The place that is meant.
   *
   * @param directory what the flag for a directory says
   * @param directoryFlag how that flag is called
   */
  SnapshotPlace place(@Nullable Path directory, String directoryFlag) {
    if ((directory == null) == (store == null)) {
      throw new CommandFailure(
          ExitCodes.USAGE,
          "Say where the snapshot is: " + directoryFlag + ", or --store and --name");
    }
    if (directory != null) {
      if (name != null) {
        throw new CommandFailure(ExitCodes.USAGE, "--name is for a snapshot in a --store");
      }
      return new SnapshotPlace.Directory(directory);
    }
    if (store == null || name == null) {
      throw new CommandFailure(ExitCodes.USAGE, "Say which snapshot of the store: --name");
    }
    return new SnapshotPlace.Stored(store, name);
  }
}
