package io.vmferry.daemon.offload;

import io.vmferry.streams.snapshot.remote.RemoteStore;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.LocalStore;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Opens chunk stores by what a user calls them: a directory, or {@code tcp:HOST:PORT}.
 *
 * @param tlsDir who this host is to stores on others, null if it asks none
 */
public record StoreAccess(@Nullable Path tlsDir) {
  /** What the address of a store on another host begins with. */
  static final String REMOTE = "tcp:";

  /**
   * Opens a store that is there.
   *
   * @throws IOException with one sentence for the user if it cannot be opened
   * @throws IllegalArgumentException the same, if it is named wrongly
   */
  public ChunkStore open(String store) throws IOException {
    return store.startsWith(REMOTE) ? remote(store) : LocalStore.open(Path.of(store));
  }

  /** Opens a store; makes it if it is a directory that is not there. */
  public ChunkStore openOrCreate(String store) throws IOException {
    return store.startsWith(REMOTE) ? remote(store) : LocalStore.openOrCreate(Path.of(store));
  }

  private ChunkStore remote(String store) throws IOException {
    if (tlsDir == null) {
      throw new IllegalArgumentException(
          "Store " + store + " is on another host: say who this one is with --tls-dir");
    }
    TlsIdentity identity = TlsIdentity.load(tlsDir, TlsIdentity.Side.CLIENT);
    return RemoteStore.open((MigrationUrl.Tcp) MigrationUrl.parse(store), identity);
  }
}
