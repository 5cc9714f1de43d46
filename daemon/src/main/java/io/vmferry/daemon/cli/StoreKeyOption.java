package io.vmferry.daemon.cli;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.StoreKey;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The key of an encrypted snapshot; never on the command line itself. */
final class StoreKeyOption {
  @Option(
      names = "--key-file",
      paramLabel = "FILE",
      description =
          "The key of an encrypted snapshot: 32 random bytes or 64 hex digits in a file that only"
              + " its owner can read.")
  private @Nullable Path keyFile;

  @Nullable StoreKey load() throws SnapshotException {
    return keyFile == null ? null : StoreKey.load(keyFile);
  }
}
