package io.vmferry.streams.snapshot.store;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.AdvisoryLock;
import io.vmferry.streams.snapshot.DirectorySync;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.WorkingSet;
import io.vmferry.streams.snapshot.WorkingSetFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A store in a directory.
 *
 * <p>Who writes shares its lock, who collects garbage has it alone. Source:
 * docs/snapshots.md#chunked.
 */
public final class LocalStore implements ChunkStore {
  private final StoreFiles files;
  private final int chunkBytes;

  private LocalStore(StoreFiles files, int chunkBytes) {
    this.files = files;
    this.chunkBytes = chunkBytes;
  }

  /**
   * Opens a store that is there.
   *
   * @throws SnapshotException if there is none, or one of another version
   */
  public static LocalStore open(Path directory) throws SnapshotException {
    StoreFiles files = new StoreFiles(directory);
    return new LocalStore(files, StoreDescription.read(files));
  }

  /**
   * Opens a store; makes it where there is none.
   *
   * @param directory what does not exist, an empty directory or a store
   * @throws SnapshotException if there is something else, or it cannot be written
   */
  public static LocalStore openOrCreate(Path directory) throws SnapshotException {
    return openOrCreate(directory, StoreDescription.CHUNK_BYTES);
  }

  static LocalStore openOrCreate(Path directory, int chunkBytes) throws SnapshotException {
    StoreFiles files = new StoreFiles(directory);
    if (!Files.exists(files.description())) {
      StoreDescription.create(files, chunkBytes);
    }
    return open(directory);
  }

  @Override
  public String location() {
    return files.directory().toString();
  }

  @Override
  public int chunkBytes() {
    return chunkBytes;
  }

  @Override
  public List<String> names() throws IOException {
    try (Stream<Path> all = Files.list(files.snapshots())) {
      return all.map(path -> String.valueOf(path.getFileName()))
          .filter(SnapshotNames::isOne)
          .sorted()
          .toList();
    }
  }

  @Override
  public byte[] manifest(String name) throws IOException {
    try (InputStream in = Files.newInputStream(files.manifest(name))) {
      byte[] bytes = in.readNBytes(ManifestFormat.MOST_BYTES + 1);
      if (bytes.length > ManifestFormat.MOST_BYTES) {
        throw new SnapshotException("The manifest of snapshot " + name + " is damaged: too long.");
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw missing(name);
    }
  }

  private SnapshotException missing(String name) {
    return new SnapshotException("Store " + location() + " has no snapshot " + name + ".");
  }

  @Override
  public Hold hold(String name) throws IOException {
    try {
      return AdvisoryLock.share(files.manifest(name))::close;
    } catch (SyscallException e) {
      throw e.errno() == Errno.ENOENT ? missing(name) : e;
    }
  }

  @Override
  public void read(ChunkName name, ByteBuffer into) throws IOException {
    files.read(files.chunk(name), name, into);
  }

  @Override
  public WorkingSetFile workingSet(UUID generation) {
    return new LocalWorkingSet(
        files, files.workingSets(), generation.toString(), WorkingSet.MOST_BYTES);
  }

  @Override
  public PackFiles pack(UUID generation) {
    return new LocalPack(files, generation, chunkBytes);
  }

  @Override
  public StoreUpload begin(String name) throws IOException {
    SnapshotNames.check(name);
    try {
      removeDead();
      AdvisoryLock lock = AdvisoryLock.share(files.lock());
      try {
        requireFree(name);
        Path staging = files.staging().resolve(UUID.randomUUID().toString());
        return LocalUpload.begin(files, name, staging, lock);
      } catch (IOException e) {
        lock.close();
        throw e;
      }
    } catch (IOException e) {
      throw StoreFiles.cannotWrite(files, e);
    }
  }

  private void requireFree(String name) throws SnapshotException {
    if (Files.exists(files.manifest(name))) {
      throw taken(files, name);
    }
  }

  static SnapshotException taken(StoreFiles files, String name) {
    return new SnapshotException(
        "Store "
            + files.directory()
            + " has a snapshot "
            + name
            + " already; remove it first or choose another name.");
  }

  /** What a killed writer left must not take the room of the next. */
  private void removeDead() throws IOException {
    try (AdvisoryLock alone = AdvisoryLock.tryAlone(files.lock())) {
      if (alone != null) {
        new GarbageCollection(files).removeStaging();
      }
    }
  }

  @Override
  public void remove(String name) throws IOException {
    SnapshotNames.check(name);
    try (AdvisoryLock alone = AdvisoryLock.tryAlone(files.manifest(name))) {
      if (alone == null) {
        throw new SnapshotException(
            "Snapshot " + name + " is being read now; remove it when that has ended.");
      }
      UUID generation = generationOf(name);
      Files.delete(files.manifest(name));
      DirectorySync.sync(files.snapshots());
      if (generation != null) {
        Files.deleteIfExists(files.workingSet(generation));
        GarbageCollection.removeAll(files.pack(generation));
      }
    } catch (SyscallException e) {
      throw e.errno() == Errno.ENOENT ? missing(name) : e;
    }
  }

  /** Null if that cannot be told: a manifest that is damaged can be removed too. */
  private @Nullable UUID generationOf(String name) throws IOException {
    try {
      return ManifestFormat.decode(name, manifest(name)).generation();
    } catch (SnapshotException e) {
      return null;
    }
  }

  @Override
  public Garbage collect(boolean dryRun) throws IOException {
    try (AdvisoryLock alone = AdvisoryLock.tryAlone(files.lock())) {
      if (alone == null) {
        throw new SnapshotException(
            "A snapshot is being written to store " + location() + " now; try again after it.");
      }
      return new GarbageCollection(files).run(this, dryRun);
    }
  }

  @Override
  public void close() {
    // Nothing is open between calls.
  }
}
