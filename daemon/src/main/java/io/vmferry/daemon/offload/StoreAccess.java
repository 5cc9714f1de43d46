package io.vmferry.daemon.offload;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.LocalStore;
import java.nio.file.Path;

/** Opens chunk stores by what a user calls them. */
public final class StoreAccess {
  /** What the address of a store on another host begins with. */
  static final String REMOTE = "tcp:";

  /** Opens a store that is there. */
  public ChunkStore open(String store) throws SnapshotException {
    return LocalStore.open(local(store));
  }

  /** Opens a store; makes it if it is a directory that is not there. */
  public ChunkStore openOrCreate(String store) throws SnapshotException {
    return LocalStore.openOrCreate(local(store));
  }

  private static Path local(String store) throws SnapshotException {
    if (store.startsWith(REMOTE)) {
      throw new SnapshotException(
          "Store " + store + " is on another host, which is not built yet.");
    }
    return Path.of(store);
  }
}
