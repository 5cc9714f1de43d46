package io.vmferry.daemon.cli;

import io.vmferry.daemon.offload.StoreAccess;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkStore;
import picocli.CommandLine.Option;

/** The store that a command is about. */
final class StoreOption {
  @Option(
      names = "--store",
      paramLabel = "STORE",
      required = true,
      description = "The chunk store: its directory.")
  private String store = "";

  ChunkStore open() throws SnapshotException {
    return new StoreAccess().open(store);
  }
}
