package io.vmferry.daemon.cli;

import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.StoreKey;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a new snapshot is kept in a store. */
final class ChunkedFlags {
  /** The choices. */
  enum Form {
    zstd,
    none
  }

  @Option(
      names = "--parent",
      paramLabel = "NAME",
      description =
          "An earlier snapshot of the same guest in the store, noted as the parent of this one."
              + " What both have in common is kept once with and without it.")
  private @Nullable String parent;

  @Option(
      names = "--compression",
      paramLabel = "FORM",
      description = "${COMPLETION-CANDIDATES}, of chunks that become shorter by it. Default: zstd.")
  private @Nullable Form compression;

  ChunkedWriter.Options options(@Nullable StoreKey key) {
    return new ChunkedWriter.Options(parent, compression != Form.none, key);
  }

  boolean any() {
    return parent != null || compression != null;
  }
}
