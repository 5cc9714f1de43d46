package io.vmferry.daemon.offload;

import io.vmferry.streams.snapshot.DirectoryReader;
import io.vmferry.streams.snapshot.DirectoryWriter;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.store.ChunkStore;
import io.vmferry.streams.snapshot.store.ChunkedReader;
import io.vmferry.streams.snapshot.store.ChunkedWriter;
import io.vmferry.streams.snapshot.store.SnapshotNames;
import io.vmferry.streams.snapshot.store.StoreKey;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where a snapshot is or shall be: {@code dir:PATH}, or {@code STORE/NAME}. */
public sealed interface SnapshotPlace {
  /** How {@link #parse} wants it, for usage texts. */
  String SYNTAX = "dir:PATH | store:DIR/NAME | tcp:HOST:PORT/NAME";

  /** A directory of its own, in Cloud Hypervisor's format. */
  record Directory(Path path) implements SnapshotPlace {
    @Override
    public Opened<SnapshotReader> read(StoreAccess access, @Nullable StoreKey key)
        throws IOException {
      if (key != null) {
        throw new IllegalArgumentException("a snapshot in a directory has no key");
      }
      return new Opened<>(DirectoryReader.open(path), null);
    }

    @Override
    public Opened<SnapshotWriter> write(StoreAccess access, ChunkedWriter.Options options)
        throws IOException {
      if (options.key() != null || options.parent() != null) {
        throw new IllegalArgumentException("a snapshot in a directory has neither key nor parent");
      }
      return new Opened<>(DirectoryWriter.begin(path), null);
    }

    @Override
    public String toString() {
      return path.toString();
    }
  }

  /**
   * In a chunk store.
   *
   * @param store a directory or {@code tcp:HOST:PORT}
   */
  record Stored(String store, String name) implements SnapshotPlace {
    /** Checks the name. */
    public Stored {
      SnapshotNames.check(name);
    }

    @Override
    public Opened<SnapshotReader> read(StoreAccess access, @Nullable StoreKey key)
        throws IOException {
      ChunkStore open = access.open(store);
      try {
        return new Opened<>(ChunkedReader.open(open, name, key), open);
      } catch (IOException e) {
        open.close();
        throw e;
      }
    }

    @Override
    public Opened<SnapshotWriter> write(StoreAccess access, ChunkedWriter.Options options)
        throws IOException {
      ChunkStore open = access.openOrCreate(store);
      try {
        return new Opened<>(ChunkedWriter.begin(open, name, options), open);
      } catch (IOException e) {
        open.close();
        throw e;
      }
    }

    @Override
    public String toString() {
      return store + "/" + name;
    }
  }

  /**
   * A snapshot and the store that it is in, if it is in one.
   *
   * @param store closed after the snapshot is
   */
  record Opened<T extends AutoCloseable>(T snapshot, @Nullable ChunkStore store) {
    /** Closes the store; whoever has the snapshot closes that. */
    public void closeStore() {
      if (store != null) {
        store.close();
      }
    }
  }

  /** Closes a writer, and then the store that it writes to. */
  static void close(Opened<SnapshotWriter> opened) {
    opened.snapshot().close();
    opened.closeStore();
  }

  /**
   * Opens the snapshot there.
   *
   * @param access opens stores
   * @param key null if it is not encrypted
   * @throws SnapshotException if there is none, or it cannot be read
   */
  Opened<SnapshotReader> read(StoreAccess access, @Nullable StoreKey key) throws IOException;

  /**
   * Begins a snapshot there.
   *
   * @param access opens stores
   * @param options of a snapshot in a store
   * @throws SnapshotException if it cannot be written there
   */
  Opened<SnapshotWriter> write(StoreAccess access, ChunkedWriter.Options options)
      throws IOException;

  /**
   * Reads a place.
   *
   * @throws IllegalArgumentException with one sentence for the user if it is none
   */
  static SnapshotPlace parse(String text) {
    if (text.startsWith("dir:") && text.length() > 4) {
      return new Directory(Path.of(text.substring(4)));
    }
    int slash = text.lastIndexOf('/');
    if (slash > 0 && text.startsWith("store:")) {
      return new Stored(text.substring(6, slash), text.substring(slash + 1));
    }
    if (slash > 0 && text.startsWith(StoreAccess.REMOTE)) {
      return new Stored(text.substring(0, slash), text.substring(slash + 1));
    }
    throw new IllegalArgumentException("'" + text + "' is no place of a snapshot: " + SYNTAX);
  }
}
