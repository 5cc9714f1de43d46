package io.vmferry.streams.snapshot.store;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.AdvisoryLock;
import io.vmferry.kvm.memory.FileSystemSync;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.snapshot.DirectorySync;
import io.vmferry.streams.snapshot.SnapshotException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot on its way into a directory. Its chunks wait in a directory of its own, {@code
 * staging/ID}. At the end all of them are made durable by one call; then they take their names,
 * these are made durable, and then the manifest takes its own. A crash between leaves chunks that
 * nobody names, or a staging directory: garbage.
 */
final class LocalUpload implements StoreUpload {
  private final StoreFiles files;
  private final String name;
  private final Path staging;
  private final AdvisoryLock lock;
  private final FileSystemSync fileSystem;
  private volatile boolean ended;
  // Why a chunk is there in part, which whoever brings it again takes for the whole.
  private volatile @Nullable SnapshotException damage;

  private LocalUpload(
      StoreFiles files, String name, Path staging, AdvisoryLock lock, FileSystemSync fileSystem) {
    this.files = files;
    this.name = name;
    this.staging = staging;
    this.lock = lock;
    this.fileSystem = fileSystem;
  }

  /** Owns the lock unless this throws. */
  static LocalUpload begin(StoreFiles files, String name, Path staging, AdvisoryLock lock)
      throws IOException {
    Files.createDirectory(staging, StoreDescription.PRIVATE);
    return new LocalUpload(files, name, staging, lock, files.fileSystem());
  }

  @Override
  public Set<ChunkName> lacking(Collection<ChunkName> names) {
    Set<ChunkName> lacking = new HashSet<>();
    for (ChunkName chunk : names) {
      if (!Files.exists(files.chunk(chunk)) && !Files.exists(staged(chunk))) {
        lacking.add(chunk);
      }
    }
    return lacking;
  }

  private Path staged(ChunkName chunk) {
    return staging.resolve(chunk.toString());
  }

  @Override
  public long put(ChunkName chunk, ByteBuffer file) throws IOException {
    requireOpen();
    int length = file.remaining();
    try (SparseFile out = SparseFile.create(staged(chunk), length)) {
      out.writeAt(0, file);
      return length;
    } catch (SyscallException e) {
      if (e.errno() == Errno.EEXIST) {
        return 0;
      }
      SnapshotException failure = failure(e);
      damage = failure;
      throw failure;
    }
  }

  private void requireOpen() throws SnapshotException {
    if (ended) {
      throw new SnapshotException("The snapshot was given up.");
    }
    SnapshotException earlier = damage;
    if (earlier != null) {
      // One of several writers sees it first; all of them say why.
      throw new SnapshotException(String.valueOf(earlier.getMessage()), earlier);
    }
  }

  private SnapshotException failure(IOException cause) {
    return StoreFiles.cannotWrite(files, cause);
  }

  @Override
  public synchronized void commit(byte[] manifest) throws IOException {
    requireOpen();
    try {
      // Of the chunks, before any of them has a name that others may count on.
      fileSystem.sync();
      moveChunks();
      // Of the names, those of other writers that this snapshot counts on included.
      fileSystem.sync();
      Path ready = staging.resolve("manifest");
      StoreFiles.write(ready, manifest);
      link(ready);
      DirectorySync.sync(files.snapshots());
    } catch (IOException e) {
      throw failure(e);
    }
    end();
  }

  private void moveChunks() throws IOException {
    try (DirectoryStream<Path> staged = Files.newDirectoryStream(staging)) {
      for (Path chunk : staged) {
        Files.move(
            chunk,
            files.chunk(String.valueOf(chunk.getFileName())),
            StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  /** Unlike a rename this never replaces another's. */
  private void link(Path ready) throws IOException {
    try {
      Files.createLink(files.manifest(name), ready);
    } catch (FileAlreadyExistsException e) {
      throw LocalStore.taken(files, name);
    }
  }

  @Override
  public synchronized void close() {
    if (!ended) {
      end();
    }
  }

  private void end() {
    ended = true;
    try {
      GarbageCollection.removeAll(staging);
    } catch (IOException e) {
      // The next writer or collection removes it.
      System.getLogger(LocalUpload.class.getName())
          .log(System.Logger.Level.WARNING, "A staging directory could not be removed", e);
    }
    fileSystem.close();
    lock.close();
  }
}
