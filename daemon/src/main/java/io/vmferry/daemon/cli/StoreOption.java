package io.vmferry.daemon.cli;

import io.vmferry.streams.snapshot.store.ChunkStore;
import java.io.IOException;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The store that a command is about. */
final class StoreOption {
  @Option(
      names = "--store",
      paramLabel = "STORE",
      required = true,
      description = "The chunk store: its directory, or tcp:HOST:PORT.")
  private String store = "";

  @Mixin private StoreAccessOption access = new StoreAccessOption();

  ChunkStore open() throws IOException {
    return access.access().open(store);
  }
}
